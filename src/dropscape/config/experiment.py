"""The typed configuration of an experiment: data, network, training, its runs and what is measured on them."""

from functools import cached_property
from typing import Annotated, Any, Union

from pydantic import Field, create_model, model_validator

from dropscape.config.grid import with_grid_as_runs
from dropscape.data.settings import DataSettings
from dropscape.discovery import subclasses, submodules
from dropscape.measurement import Measurement
from dropscape.models.settings import NetworkSettings
from dropscape.schema import Name, Seeds, Strict
from dropscape.training.settings import DropoutSettings, Loss, RunSettings, TrainingSettings, check_run

NETWORKS = subclasses(submodules("dropscape.models.networks"), NetworkSettings)
MEASUREMENTS = {kind.section: kind for kind in subclasses(submodules("dropscape", "settings"), Measurement)}
AnyNetworkSettings = Annotated[Union[tuple(NETWORKS)], Field(discriminator="name")]  # noqa: UP007


class _ExperimentSettings(Strict):
    data: DataSettings = Field(description="Which examples it trains and tests on.")
    model: AnyNetworkSettings = Field(description="The network.")
    loss: Loss = Field(
        "cross_entropy",
        description="Loss, the mean over the examples. `mse` is half the squared error, summed over the outputs, with "
        "classes encoded one-hot.",
    )
    block: list[str] = Field(description="Parameter names that the measurements are restricted to.", min_length=1)
    dropout: DropoutSettings = Field(DropoutSettings(), description="Where dropout stands and how masks are drawn.")
    training: TrainingSettings = Field(description="How every run is trained.")
    seeds: Seeds = Field(description="Seeds of every run (initialisation and masks).")
    runs: dict[Name, RunSettings] = Field(
        description="The runs by name; null in a scale file leaves one out. Many runs at once are written in `grid`: "
        "`keep{keep_prob}: {keep_prob: [0.5, 0.9], learning_rate: 0.1}` is a run for each combination of its lists.",
        min_length=1,
    )

    @property
    def dataset(self) -> str:
        """Name of the dataset that it reads."""
        return self.data.dataset

    @cached_property
    def measurements(self) -> dict[str, Measurement]:
        """What is measured, by section."""
        return {section: asked for section in MEASUREMENTS if (asked := getattr(self, section)) is not None}

    @property
    def sample_sizes(self) -> dict[str, int]:
        """N of each sample of the noise that is taken, by its name."""
        sizes = {
            "trajectory": self.training.trajectory_steps,
            "gradients": self.gradients.samples if self.gradients else 0,
        }
        return {sample: size for sample, size in sizes.items() if size}

    @property
    def recorded_steps(self) -> int:
        """How many steps of a training are recorded; where several measurements read them, all say the same."""
        return next(iter(self._recorded_steps.values()), 1)

    @property
    def _recorded_steps(self) -> dict[str, int]:
        """How many recorded steps each measurement asks for."""
        asked = {section: getattr(one, "recorded_steps", None) for section, one in self.measurements.items()}
        return {section: steps for section, steps in asked.items() if steps}

    @model_validator(mode="before")
    @classmethod
    def _runs_of_grid(cls, written: Any):
        return with_grid_as_runs(written) if isinstance(written, dict) else written

    @model_validator(mode="after")
    def _consistent(self):
        if self.loss == "mse" and self.training.label_smoothing:
            raise ValueError("loss mse does not support label smoothing: write loss: cross_entropy")
        if self.loss == "mse" and self.model.translates:
            raise ValueError("loss mse does not support text data: write loss: cross_entropy")
        for name in self.runs:
            check_run(name, self)
        if len(set(self._recorded_steps.values())) > 1:
            differ = " and ".join(f"{section}.recorded_steps" for section in sorted(self._recorded_steps))
            raise ValueError(f"{differ} differ: a training records one set of steps, write the same number")
        for measurement in self.measurements.values():
            measurement.check(self)
        return self


ExperimentSettings: Any = create_model(
    "ExperimentSettings",
    __base__=_ExperimentSettings,
    __doc__="One set-up: data, model, training and what is measured, with its runs.",
    **{section: (kind | None, Field(None, description=kind.summary)) for section, kind in MEASUREMENTS.items()},
)
