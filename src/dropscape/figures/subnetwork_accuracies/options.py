"""The options of a figure of kind ``subnetwork_accuracies``."""

from typing import Any

from pydantic import Field

from dropscape.figures.settings import PanelFigure
from dropscape.subnetworks.settings import Tested


class SubnetworkAccuracies(PanelFigure):
    """Accuracies of full networks and of the sub-networks that training visits (paper D, Fig. 1)."""

    caption = "Full networks are compared with sub-networks along training ({reference})."

    networks: list[Tested] = Field(["full", "visited"], description="Which networks are drawn.", min_length=1)

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also networks that the experiment does not test."""
        super().check_experiment(where, name, experiment)
        missing = [network for network in self.networks if network not in experiment.tested]
        if missing:
            raise ValueError(
                f"{where} draws the networks '{missing[0]}', which '{name}' does not test: write networks of "
                f"{', '.join(experiment.tested)}, or random_masks and compared into the experiment"
            )
