"""Whether an equation is nearer to dropout with a larger keep probability (paper C, section 4.3)."""

from itertools import pairwise

from dropscape.claims.measured import Measured, unmeasured
from dropscape.claims.statistic import Tables
from dropscape.claims.weak_errors import WeakErrorsStatistic, largest_ratio
from dropscape.numerics.orders import log_ratio


class KeepProbErrorRatio(WeakErrorsStatistic):
    """Weak error of a method at a keep probability over that at the next smaller one."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over the learning rates, the largest of the pairs."""
        by_keep_prob = dict(tuple(self.errors(tables, experiment).groupby("keep_prob")))
        ratios = {}
        for smaller, larger in pairwise(sorted(by_keep_prob)):
            both = by_keep_prob[larger].merge(
                by_keep_prob[smaller], on=["function", "learning_rate"], suffixes=("_larger", "_smaller")
            )
            ratios[f"keep {larger:g} over {smaller:g}"] = log_ratio(both, "_larger", "_smaller")
        if not ratios:
            return unmeasured("one keep probability only")
        return largest_ratio(ratios, self.trials(tables, experiment))
