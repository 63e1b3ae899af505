"""The options of a figure of kind ``subnetwork_accuracies``."""

from dropscape.figures.settings import PanelFigure


class SubnetworkAccuracies(PanelFigure):
    """Accuracies of full networks and of the sub-networks that training visits (paper D, Fig. 1)."""

    caption = "Full networks are compared with the sub-networks that training visits ({reference})."
