"""The options of a figure of kind ``condensation_features``."""

from typing import Any

from dropscape.figures.settings import ObjectiveFigure, Scatter


class CondensationFeatures(ObjectiveFigure):
    """Functions of one input and the orientation of their neurons (paper B, Fig. 1a, 4, 5, 6 and 9b)."""

    run_tables = ("neurons", "function", "condensation", "predictions")
    needs = ("condensation",)
    several_experiments = True
    scatter = Scatter(
        x="orientation",
        x_label="orientation [rad]",
        y="share",
        y_label="amplitude / max",
        by="moment",
        names={"experiment": "experiment", "run": "run", "seed": "seed", "neuron": "neuron"},
        logarithmic=False,
    )
    caption = "Networks of one input learn functions, and their neurons take orientations ({reference})."

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also an experiment whose functions are not measured."""
        super().check_experiment(where, name, experiment)
        if experiment.condensation.interval is None:
            raise ValueError(f"{where} draws functions: write condensation.interval in experiment '{name}'")
