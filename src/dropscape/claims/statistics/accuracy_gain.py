"""What dropout adds to the test accuracy (paper A, Fig. 1; paper B, Table I)."""

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.statistic import Run, RunStatistic, Tables, other_seeds


class AccuracyGain(RunStatistic):
    """Test accuracy with dropout minus that without, in percentage points."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it at the end of training, seed by seed; the training without dropout meets its own other seeds."""
        plain = tables.without_dropout(run)
        one, other = (100 * tables.at_end_of_training(each, "test_accuracy") for each in (run, plain))
        note = f"{one.mean():.1f} % against {other.mean():.1f} % of {plain.name}"
        return over_seeds(one - (other_seeds(other) if run == plain else other), note)
