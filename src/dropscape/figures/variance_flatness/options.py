"""The options of a figure of kind ``variance_flatness``."""

from typing import Any

from dropscape.figures.settings import SampleFigure, Scatter


class VarianceFlatness(SampleFigure):
    """Variance along principal directions against the interval flatness of the loss (paper A, Fig. 2)."""

    run_tables = ("spectrum", "interval")
    optional_run_tables = ("drift",)
    needs = ("flatness",)
    scatter = Scatter(
        x="flatness",
        x_label="interval flatness F [parameter distance]",
        y="variance",
        y_label="variance",
        by="estimate",
        names={"run": "run", "seed": "seed", "index": "direction"},
    )
    caption = (
        "The variance of the noise along each principal direction is shown against the interval flatness of the "
        "dropout-free loss along it ({reference}), each run by itself: the paper's variance, from the samples that "
        "also choose the direction; for a trajectory the same without its drift, a parabola of the step in each "
        "parameter; and the variance on held-out samples, free of the bias of that choice. Where labels are smoothed, "
        "the flatness of the loss without their entropy is shown besides, a constant that changes what a multiple of "
        "the loss is. The last columns, where they were run, have dropout after the other hidden layer, and masks "
        "shared by the whole batch. Points without a defined flatness, or whose variance is numerically zero, are "
        "counted by reason under the figure."
    )

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """Also the multiple of the loss that ends the interval, and the smoothing of the loss's labels."""
        details = {"label_smoothing": experiment.settings.training.label_smoothing}
        details |= {"factor": experiment.settings.flatness.factors[0]}
        return super().experiment_details(experiment) | details
