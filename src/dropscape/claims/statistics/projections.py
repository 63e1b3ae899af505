"""Whether the max-norm projection is active (paper D, section 4)."""

from dropscape.claims.measured import Measured, counted
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.subnetworks.slopes import at_last_step


class Projections(ExperimentStatistic):
    """How many neurons the max-norm projection has moved, the most of any training."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the end."""
        distances = tables.experiment_table(experiment, "distances")
        counts = at_last_step(distances)["projected"]
        norm = (distances["largest_norm"] / distances["bound"]).max()
        note = f"{len(counts)} trainings; the largest norm is {norm:.2g} of its bound"
        return counted(counts.max(), distances["seed"].nunique(), note)
