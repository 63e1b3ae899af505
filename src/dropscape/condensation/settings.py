"""The settings of measurements of a layer's neurons (paper B, section VI)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, model_validator

from dropscape.measurement import Measurement, Task

if TYPE_CHECKING:
    from dropscape.config.experiment import ExperimentSettings
    from dropscape.resolved.run import ResolvedRun

Number = Annotated[float, Field(allow_inf_nan=False)]


class CondensationSettings(Measurement):
    """Orientations of the neurons of some layers along training, and the function of a one-dimensional network."""

    section: ClassVar = "condensation"
    summary: ClassVar = "Orientations of the neurons along training; null leaves them out."

    layers: list[str] = Field(
        description="Parameter names of the weights of the layers whose neurons are looked at, for example "
        "[layers.0.weight]; a neuron's bias belongs to its input weight.",
        min_length=1,
    )
    threshold: Annotated[float, Field(gt=0.71, lt=1)] = Field(
        0.95, description="Two vectors count as parallel where their cosine is above this (0.71: 45 degrees)."
    )
    other_thresholds: list[Annotated[float, Field(gt=0.71, lt=1)]] = Field(
        [0.9, 0.98],
        description="The effective ratio of the last step, opposite directions as one, is also counted at these.",
    )
    recorded_steps: Annotated[int, Field(ge=2)] = Field(
        description="Steps of the training at which it is measured, half log-spaced, half even; 2 are both ends."
    )
    interval: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="Ends of the interval on which the function of a network with one input and one output is drawn "
        "and measured; null leaves that out.",
    )

    @model_validator(mode="after")
    def _ordered(self):
        if self.interval and not self.interval[0] < self.interval[1]:
            raise ValueError(f"interval is {self.interval}: write its lower end first")
        return self

    def check(self, experiment: "ExperimentSettings") -> None:
        """Refuse an interval without one input and one output, and layers that hold no neurons."""
        widths = experiment.model.layer_widths
        if self.interval and not (widths and widths[0] == widths[-1] == 1):
            raise ValueError("condensation.interval needs a fully-connected network whose model.widths are [1, ..., 1]")
        hidden = [f"layers.{index}.weight" for index in range(len(widths) - 2)] if widths else self.layers
        for name in self.layers:
            if name not in hidden:
                raise ValueError(
                    f"condensation.layers names '{name}', which is no hidden layer: write one of {', '.join(hidden)}"
                )

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """Ask for the measurement; its settings leave out what the training alone decides."""
        settings = run.only("data", "model", "seeds") | self.model_dump(mode="json", exclude={"recorded_steps"})
        tables = ("condensation", "neurons", "function", "similarity")
        return (Task("condensation", settings, dict.fromkeys(tables, "condensation")),)
