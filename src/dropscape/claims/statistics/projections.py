"""Whether the max-norm projection is active (paper D, section 4)."""

from dropscape.claims.statistic import ExperimentStatistic, Measured, Tables
from dropscape.subnetworks.slopes import at_last_step


class Projections(ExperimentStatistic):
    """How many neurons the max-norm projection has moved, the most of any training."""

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure it at the end; bounds are the fewest and the most of the trainings."""
        distances = tables.experiment_table(experiment, "distances")
        counts = at_last_step(distances)["projected"]
        norm = (distances["largest_norm"] / distances["bound"]).max()
        note = f"{len(counts)} trainings; the largest norm is {norm:.2g} of its bound"
        return Measured(float(counts.max()), float(counts.min()), float(counts.max()), len(counts), note)
