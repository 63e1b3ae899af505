"""To which order in the learning rate a flow follows dropout's mean iterate (paper B, eq. 6)."""

import numpy as np

from dropscape.claims.measured import Measured, unmeasured, with_interval
from dropscape.claims.statistic import Tables, TheoryStatistic
from dropscape.numerics.fits import power_law
from dropscape.numerics.intervals import student


class FlowOrder(TheoryStatistic):
    """Slope of log column over log learning rate, mean over networks."""

    def measure(self, tables: Tables) -> Measured:
        """Measure it network by network; the note has the mean error at both ends."""
        errors = self.rows(tables).pivot_table(index="network", columns="learning_rate", values=self.column)
        slopes = [power_law(errors.columns, row).slope for row in errors.to_numpy()]
        if np.isnan(slopes).any() or not slopes:
            return unmeasured("fewer than three learning rates")
        rates, means = errors.columns[[0, -1]], np.exp(np.log(errors).mean())
        ends = ", ".join(f"{means[rate]:.2g} at {rate:.3g}" for rate in rates)
        note = f"slopes {min(slopes):.2f} to {max(slopes):.2f}; geometric mean of the errors {ends}"
        return with_interval(student(slopes), len(slopes), note, "network")
