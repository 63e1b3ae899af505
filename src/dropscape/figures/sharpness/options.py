"""The options of a figure of kind ``sharpness``."""

from typing import Any

from dropscape.figures.settings import DropoutFigure


class Sharpness(DropoutFigure):
    """Sharpest curvature along training against the edge of stability (beyond paper A)."""

    experiment_tables = ("sharpness",)
    needs = ("sharpness",)
    several_experiments = True
    caption = (
        "The Hessian's largest eigenvalue is shown along training with and without dropout, against 2 / learning rate, "
        "above which gradient descent is unstable ({reference})."
    )

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """The experiment's dropout; no sample is drawn."""
        return super().experiment_details(experiment) | {"samples": None}
