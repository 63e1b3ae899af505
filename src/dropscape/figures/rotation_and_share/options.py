"""The options of a figure of kind ``rotation_and_share``."""

from typing import Any

from dropscape.figures.settings import CondensationFigure


class RotationAndShare(CondensationFigure):
    """What condenses, and how: neurons that turn, or few that outgrow the others (beyond paper B)."""

    run_tables = ("condensation",)
    caption = (
        "A network condenses if its neurons turn to few orientations; if a few grow and the others do not turn, it "
        "selects. Each point is a training ({reference})."
    )

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also a network whose neurons' contributions are not known."""
        super().check_experiment(where, name, experiment)
        if not experiment.model.is_fully_connected:
            raise ValueError(
                f"{where} of kind {self.kind} draws fully-connected networks, and '{name}' has "
                f"{experiment.model.name}: write an experiment with fnn"
            )

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """Also the width of the hidden layer."""
        return super().experiment_details(experiment) | {"width": experiment.settings.model.widths[1]}
