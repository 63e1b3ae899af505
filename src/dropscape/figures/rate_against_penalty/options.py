"""The options of a figure of kind ``rate_against_penalty``."""

from typing import Any

from dropscape.figures.settings import ObjectiveFigure


class RateAgainstPenalty(ObjectiveFigure):
    """The learning rate of dropout against the weight of R_2 that should replace it (paper B, Fig. 3)."""

    run_tables = ("history", "ratios")
    needs = ("ratio",)
    several_experiments = True
    caption = (
        "Learning rates of dropout are compared with the penalty that should replace it ({reference}). The penalty's "
        "mean, R₂, depends on whether the examples share their masks."
    )

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """N of the ratio, and how masks are drawn."""
        return {"samples": experiment.settings.ratio.samples, "mask_mode": experiment.settings.dropout.mask_mode}
