"""The options of a figure of kind ``rate_against_penalty``."""

from typing import Any

from dropscape.figures.settings import ObjectiveFigure


class RateAgainstPenalty(ObjectiveFigure):
    """The learning rate of dropout against the weight of R_2 that should replace it (paper B, Fig. 3)."""

    run_tables = ("history", "ratios")
    needs = ("ratio",)
    caption = "Learning rates of dropout are compared with the penalty that should replace it ({reference})."

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """N of the ratio."""
        return {"samples": experiment.settings.ratio.samples}
