"""The options of a figure of kind ``interpolations``."""

from typing import Any

from dropscape.figures.settings import ObjectiveFigure


class Interpolations(ObjectiveFigure):
    """The loss between the end points of trainings on two objectives (paper B, Fig. 14)."""

    experiment_tables = ("interpolations",)
    needs = ("interpolations",)
    caption = "The loss is shown between the end points of trainings on two objectives ({reference})."

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also a choice of runs, which the experiment's pairs make."""
        super().check_experiment(where, name, experiment)
        if self.runs is not None:
            raise ValueError(f"{where} draws the pairs of interpolations.pairs: leave runs out")
