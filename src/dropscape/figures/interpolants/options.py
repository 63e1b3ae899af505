"""The options of a figure of kind ``interpolants``."""

from dropscape.figures.settings import FigureSettings


class Interpolants(FigureSettings):
    """Functions through the same points and their R_1 (paper B, Fig. 11); draws its study's theory."""

    theory_table = "interpolants"
    caption = (
        "Three functions pass through the same points ({reference}): one with more convexity changes than the points "
        "need, the minimal one, and one with separate intercepts. All are explicit networks of equal width, with the "
        "smallest R₁ that their function allows."
    )
