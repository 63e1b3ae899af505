"""The options of a figure of kind ``slices``."""

from typing import Any

from dropscape.figures.settings import EndPointFigure


class Slices(EndPointFigure):
    """Loss along random directions through end points with and without dropout (paper A, Fig. 1)."""

    run_tables = ("slices", "slice_widths", "history")
    needs = ("slices",)
    several_experiments = True
    caption = (
        "The loss is shown along random filter-normalised directions through the end points of training with and "
        "without dropout ({reference}). Both networks have the same directions, in which biases and the scales and "
        "shifts of norms move only where the figure says so; batch norm keeps the statistics of the end point. Bars: "
        "the width of the interval around it in which the loss stays below its value there plus a stated rise."
    )

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """Also the loss and the smoothing of its labels."""
        details = {"loss": experiment.settings.loss, "label_smoothing": experiment.settings.training.label_smoothing}
        return super().experiment_details(experiment) | details
