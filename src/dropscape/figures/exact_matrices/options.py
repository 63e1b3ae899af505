"""The options of a figure of kind ``exact_matrices``."""

from typing import Any

from dropscape.figures.settings import StageFigure


class ExactMatricesFigure(StageFigure):
    """Hessian, covariance and eq. (17) as matrices along dropout, and how descent merges with it (paper C, 5 and 6)."""

    experiment_tables = ("matrices", "merging", "trajectories")
    caption = "Hessian of $L_S$ and covariance of dropout's gradient are compared as whole matrices ({reference})."

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also an experiment whose tables of matrices are empty."""
        super().check_experiment(where, name, experiment)
        if experiment.trajectories.matrices is None:
            raise ValueError(f"{where} needs the section trajectories.matrices in experiment '{name}'")
