"""The options of a figure of kind ``loss_histories``."""

from typing import Any

from pydantic import Field

from dropscape.figures.settings import ObjectiveFigure


class LossHistories(ObjectiveFigure):
    """The loss along trainings, of which some continue others (paper B, Fig. 5 and 9a)."""

    run_tables = ("history",)
    several_experiments = True
    caption = "The loss is shown along trainings, of which some continue others ({reference})."
    level: float | None = Field(None, description="A loss whose first passing is named.")

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also a run without the one from whose end it starts."""
        super().check_experiment(where, name, experiment)
        for run in [run for run in self.runs or [] if run in experiment.runs]:
            start = experiment.runs[run].start
            if start is not None and start not in self.runs:
                raise ValueError(
                    f"{where} draws the run '{run}' behind the one it starts from: write '{start}' into runs"
                )
