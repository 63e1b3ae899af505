"""The options of a figure of kind ``slices``."""

from typing import Any

from dropscape.figures.settings import EndPointFigure


class Slices(EndPointFigure):
    """Loss along random directions through end points with and without dropout (paper A, Fig. 1)."""

    run_tables = ("slices", "history")
    needs = ("slices",)
    several_experiments = True
    caption = (
        "The loss is shown along random filter-normalised directions through the end points of training with and "
        "without dropout ({reference}). Both networks have the same directions."
    )

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """Also the loss."""
        return super().experiment_details(experiment) | {"loss": experiment.settings.loss}
