"""How small the training loss is at the end of training (paper A, section 5)."""

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import Run, RunStatistic, Tables


class EndLoss(RunStatistic):
    """Training loss without dropout at the end of training, less the entropy of smoothed labels."""

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it seed by seed; the entropy, which slices know, is what no network can go below."""
        if tables.has_run_table(run.experiment, run.name, "slice_widths"):
            rows = tables.run_table(run, "slice_widths")
            losses = (rows["loss0"] - rows["floor"]).groupby(rows["seed"]).first()
        else:
            losses = tables.at_end_of_training(run, "loss")
        if (losses <= 0).any():
            return unmeasured("a loss is not positive")
        return over_seeds(losses, scale="log")
