"""The options of a figure of kind ``random_subnetworks``."""

from typing import Any

from dropscape.figures.settings import PanelFigure


class RandomSubnetworks(PanelFigure):
    """Accuracies of full networks and of random sub-networks (paper D, Fig. 2)."""

    caption = "Full networks are compared with random sub-networks along training ({reference})."

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also an experiment that tests no random sub-networks."""
        super().check_experiment(where, name, experiment)
        if not experiment.random_masks:
            raise ValueError(f"{where} draws random sub-networks: write random_masks in experiment '{name}'")
