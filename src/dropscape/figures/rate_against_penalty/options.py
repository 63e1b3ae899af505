"""The options of a figure of kind ``rate_against_penalty``."""

from typing import Any, ClassVar, Literal

from dropscape.figures.settings import ObjectiveFigure


class RateAgainstPenalty(ObjectiveFigure):
    """The learning rate of dropout against the weight of R_2 that should replace it (paper B, Fig. 3)."""

    run_tables: ClassVar = ("history", "ratios")
    needs: ClassVar = ("ratio",)
    caption: ClassVar = "Learning rates of dropout are compared with the penalty that should replace it ({reference})."
    kind: Literal["rate_against_penalty"]

    def samples(self, experiment: Any) -> int:
        """N of the ratio."""
        return experiment.settings.ratio.samples
