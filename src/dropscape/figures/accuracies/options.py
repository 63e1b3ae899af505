"""The options of a figure of kind ``accuracies``."""

from typing import ClassVar, Literal

from dropscape.figures.settings import DropoutFigure


class Accuracies(DropoutFigure):
    """Test accuracy at the end of training with and without dropout (paper B, Table I)."""

    run_tables: ClassVar = ("history",)
    optional_run_tables: ClassVar = ("translations",)
    several_experiments: ClassVar = True
    caption: ClassVar = "The test accuracies with and without dropout are compared with the paper's ({reference})."
    kind: Literal["accuracies"]
