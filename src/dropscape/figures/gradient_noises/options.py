"""The options of a figure of kind ``gradient_noises``."""

from typing import Any

from dropscape.figures.settings import DropoutFigure


class GradientNoises(DropoutFigure):
    """Flatness along trainings with dropout, and on the risk with noise in its place (beyond paper A)."""

    run_tables = ("history", "slice_widths")
    experiment_tables = ("sharpness",)
    needs = ("sharpness", "slices")
    caption = (
        "Flatness, loss and accuracy of trainings with dropout, without it, and without it but with a noise of the "
        "same power in its place, in dropout's directions and in others ({reference})."
    )

    def run_details(self, run: Any) -> dict[str, Any]:
        """Also the noise."""
        return super().run_details(run) | {"noise": run.noise}
