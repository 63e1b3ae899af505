"""The options of a figure of kind ``slices``."""

from typing import Any, ClassVar, Literal

from dropscape.figures.settings import DropoutFigure


class Slices(DropoutFigure):
    """Loss along random directions through end points with and without dropout (paper A, Fig. 1)."""

    run_tables: ClassVar = ("slices", "history")
    needs: ClassVar = ("slices",)
    several_experiments: ClassVar = True
    caption: ClassVar = (
        "The loss is shown along random filter-normalised directions through the end points of training with and "
        "without dropout ({reference}). Both networks have the same directions."
    )
    kind: Literal["slices"]

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """Also the loss."""
        return super().experiment_details(experiment) | {"loss": experiment.settings.loss}
