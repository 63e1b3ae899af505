"""The options of a figure of kind ``distances``."""

from dropscape.figures.settings import StageFigure


class Distances(StageFigure):
    """How far neurons move from their initialisation, by width (paper D, Lemma 5.2)."""

    experiment_tables = ("distances", "margins")
    several_experiments = True
    caption = "Neurons move from their initialisation by distances that depend on the width ({reference})."
