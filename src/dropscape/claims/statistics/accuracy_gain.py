"""What dropout adds to the test accuracy (paper A, Fig. 1; paper B, Table I)."""

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables


class AccuracyGain(RunStatistic):
    """Test accuracy with dropout minus that without, in percentage points."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it at the end of training, seed by seed."""
        plain = tables.without_dropout(run)
        one, other = (100 * tables.at_end_of_training(each, "test_accuracy") for each in (run, plain))
        note = f"{one.mean():.1f} % against {other.mean():.1f} % of {plain.name}{_mcnemar(tables, run, plain)}"
        return over_seeds(one - other, note)


def _mcnemar(tables: Tables, run: Run, plain: Run) -> str:
    """McNemar's test of each seed's two networks on the same test examples, where an example has one label."""
    from dropscape.numerics.paired import mcnemar  # scipy is heavy, and the workflow imports this whenever it is parsed

    try:
        one, other = (tables.run_table(each, "predictions") for each in (run, plain))
    except NotMeasuredError:
        return ""
    both = one.merge(other, on=["seed", "example"], suffixes=("_one", "_other"))
    if both.empty:
        return ""
    tests = [mcnemar(rows["correct_one"], rows["correct_other"]) for _, rows in both.groupby("seed")]
    listed = ", ".join(f"{gained:,} against {lost:,} (p = {p:.2g})" for gained, lost, p in tests)
    return f"; images that one of the two alone predicts right, and McNemar's p, by seed: {listed}"
