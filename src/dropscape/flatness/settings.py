"""The settings of measurements of the loss around end points of training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from dropscape.curvature.settings import curvature_task
from dropscape.measurement import Measurement, Task
from dropscape.schema import Count, Name, Positive

if TYPE_CHECKING:
    from dropscape.config.experiment import ExperimentSettings
    from dropscape.resolved.experiment import TrainedExperiment
    from dropscape.resolved.run import ResolvedRun


class FlatnessSettings(Measurement):
    """Interval flatness along the principal directions of a sample."""

    section: ClassVar = "flatness"
    summary: ClassVar = "Interval flatness; null leaves it out."

    directions: Count = Field(description="How many log-spaced principal directions are measured.")
    factors: list[Annotated[float, Field(gt=1)]] = Field(
        [2.0], description="Pre-factors of the loss; the first is drawn."
    )
    max_width: Positive = Field(1e6, description="The search on either side gives up at this distance.")

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """Ask for the principal directions of every sample, and the flatness along them.

        The run's dropout and learning rate do not enter the flatness.
        """
        if not run.has_noise:
            return ()
        settings = run.only("data", "model", "loss", "label_smoothing", "block", "seeds", "device")
        settings |= {"factors": self.factors, "max_width": self.max_width}
        tables = ("spectrum", "drift") if "trajectory" in run.samples else ("spectrum",)
        principal = run.only("seeds") | {"samples": run.samples, "directions": self.directions}
        return (
            curvature_task(run),
            Task("noise_spectrum", principal, dict.fromkeys(tables, "noise")),
            Task("flatness", settings, {"interval": "flatness"}, on_device=True),
        )


class SliceSettings(Measurement):
    """Loss along random filter-normalised directions through the end point of training (paper A, section 5)."""

    section: ClassVar = "slices"
    summary: ClassVar = "Slices of the loss; null leaves them out."

    directions: Count = Field(description="How many random directions.")
    points: Annotated[int, Field(ge=5)] = Field(41, description="Losses on each, evenly spaced; an odd number.")
    extent: Positive = Field(1.0, description="The largest modulus of alpha; 1 moves every filter by its norm.")
    rises: list[Positive] = Field(
        [0.5, 0.25, 1.0],
        min_length=1,
        description="The width of a slice ends where the loss has risen by so much (nats, or the loss's units); the "
        "first is drawn and judged, the others say how much that choice matters.",
    )
    of_zero_output: bool = Field(
        False,
        description="Whether the rises are multiples of what the output 0 has as its squared error on the training "
        "examples.",
    )
    moved: list[Literal["weights", "all"]] = Field(
        ["weights", "all"],
        min_length=1,
        description="Widths are measured in directions that move the weights alone, or also biases and the scales and "
        "shifts of norms (`all`), each as a filter of its own; the first is drawn and judged.",
    )
    max_width: Positive = Field(100.0, description="The search for a width on either side gives up at this alpha.")

    @model_validator(mode="after")
    def _odd(self):
        if self.points % 2 == 0:
            raise ValueError(f"points is {self.points}: write an odd number, so that the end point is one of them")
        return self

    def check(self, experiment: "ExperimentSettings") -> None:
        """Refuse rises relative to a squared error where the loss is another one."""
        if self.of_zero_output and experiment.loss != "mse":
            raise ValueError(f"slices.of_zero_output needs loss: mse, which is {experiment.loss}: leave it out")

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """Ask for the slices."""
        settings = run.only("data", "model", "loss", "label_smoothing", "seeds", "device")
        settings |= self.model_dump(mode="json")
        tables = {"slices": "flatness", "slice_widths": "flatness"}
        return (Task("flatness_slices", settings, tables, on_device=True),)


class InterpolationSettings(Measurement):
    """Loss without dropout between the end points of pairs of runs (paper B, section VII.C)."""

    section: ClassVar = "interpolations"
    summary: ClassVar = "Losses between end points of runs; null leaves them out."

    pairs: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] = Field(
        description="Pairs of runs; the first one's end point stands at 0 and the second one's at 1.", min_length=1
    )
    points: Annotated[int, Field(ge=9)] = Field(31, description="Losses between them, evenly spaced, with both ends.")

    def check(self, experiment: "ExperimentSettings") -> None:
        """Refuse pairs of runs that are not there or share no data, and networks with norms."""
        if experiment.model.has_norms:
            raise ValueError(
                f"interpolations need a network without batch or layer norms, unlike {experiment.model.name}: leave "
                "the section out"
            )
        for pair in self.pairs:
            for name in pair:
                if name not in experiment.runs:
                    raise ValueError(
                        f"interpolations.pairs names '{name}', which is no run of the experiment: write one of "
                        f"{', '.join(experiment.runs)}"
                    )
            if len({experiment.runs[name].train_examples for name in pair}) > 1:
                raise ValueError(
                    f"interpolations.pairs joins {' and '.join(pair)}, which train on different numbers of examples: "
                    "write runs of the same data"
                )

    @property
    def runs(self) -> list[str]:
        """The runs whose end points are joined, each once."""
        return sorted({run for pair in self.pairs for run in pair})

    def experiment_tasks(self, experiment: "TrainedExperiment") -> Sequence[Task]:
        """Ask for the losses on all lines; the runs of a pair share data and network."""
        first = experiment.runs[self.pairs[0][0]]
        settings = first.only("data", "model", "loss", "label_smoothing", "seeds", "device")
        settings |= self.model_dump(mode="json") | {"runs": self.runs}
        return (Task("flatness_interpolations", settings, {"interpolations": "flatness"}, on_device=True),)
