"""The options of a figure of kind ``accuracies``."""

from dropscape.figures.settings import EndPointFigure


class Accuracies(EndPointFigure):
    """Test accuracy at the end of training with and without dropout (paper B, Table I)."""

    run_tables = ("history",)
    optional_run_tables = ("translations",)
    several_experiments = True
    caption = "The test accuracies with and without dropout are compared with the paper's ({reference})."
