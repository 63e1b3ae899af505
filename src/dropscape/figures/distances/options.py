"""The options of a figure of kind ``distances``."""

from typing import ClassVar, Literal

from dropscape.figures.settings import StageFigure


class Distances(StageFigure):
    """How far neurons move from their initialisation, by width (paper D, Lemma 5.2)."""

    experiment_tables: ClassVar = ("distances",)
    several_experiments: ClassVar = True
    caption: ClassVar = "Neurons move from their initialisation by distances that depend on the width ({reference})."
    kind: Literal["distances"]
