"""Whether what a term does to the minima depends on the learning rate (paper B, section IV)."""

import numpy as np

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.objectives import KeepProbsStatistic
from dropscape.claims.statistic import NotMeasuredError, Tables
from dropscape.claims.statistics.flattening import curvatures
from dropscape.numerics.intervals import student


class EffectOverRates(KeepProbsStatistic):
    """Effect on Tr(H) at the smallest learning rate over that at the largest one.

    The effect is log(Tr(H) on the second objective / Tr(H) on the first), the mean over the keep probabilities that
    have both rates.
    """

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the end of training, seed by seed."""
        effects: dict[float, dict[float, np.ndarray]] = {}
        for one, other in self.pairs(tables, experiment):
            first, second = (curvatures(tables, run, "trace") for run in (one, other))
            keep_prob = min(one.settings["keep_prob"], other.settings["keep_prob"])
            effects.setdefault(keep_prob, {})[one.settings["learning_rate"]] = np.log(second / first)
        rates = {rate for by_rate in effects.values() for rate in by_rate}
        low, high = min(rates), max(rates)
        both = [by_rate for by_rate in effects.values() if {low, high} <= set(by_rate)]
        if low == high or not both:
            raise NotMeasuredError(f"{experiment} has no keep probability at two learning rates")
        small, large = (np.mean([by_rate[rate] for by_rate in both], axis=0) for rate in (low, high))
        note = f"{small.mean():.3g} at {low:g} and {large.mean():.3g} at {high:g}, {len(both)} keep probabilities"
        known = student(large)
        if len(large) > 2 and known.low <= 0 <= known.high:
            return unmeasured(f"{note}: the effect at the largest rate is not told from none")
        return over_seeds(small / large, note)
