"""How much more than needed the function of a network with one input goes up and down (paper B, Fig. 9b)."""

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.statistic import Run, RunStatistic, Tables


class VariationExcess(RunStatistic):
    """Total variation of the output over the least of any function through the training points."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it at the end, seed by seed; the least is that of the points in their order."""
        table, points = tables.run_table(run, "condensation"), tables.training_points(run)
        ends = table[table["step"] == table["step"].max()].groupby("seed")["total_variation"].first()
        least = points.sort_values("x")["target"].diff().abs().sum()
        return over_seeds(ends / least, f"{ends.mean():.3g} against {least:.3g} of the points", "log")
