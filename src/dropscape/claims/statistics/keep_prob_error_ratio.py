"""Whether an equation is nearer to dropout with a larger keep probability (paper C, section 4.3)."""

import math

from dropscape.claims.measured import Measured, join_notes, unmeasured
from dropscape.claims.statistic import Tables
from dropscape.claims.weak_errors import WeakErrorsStatistic, hidden_note
from dropscape.numerics.orders import NORMAL_95, above_noise, log_ratio


class KeepProbErrorRatio(WeakErrorsStatistic):
    """Weak error of a method at a keep probability over that at the next smaller one."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over the learning rates at which no error is hidden, the largest of the pairs."""
        table = self.errors(tables, experiment)
        seen = table[above_noise(table["squared"], table["squared_error"])]
        by_keep_prob = dict(tuple(seen.groupby("keep_prob")))
        ratios = {}
        for smaller, larger in zip(sorted(by_keep_prob), sorted(by_keep_prob)[1:], strict=False):
            pair = by_keep_prob[larger], by_keep_prob[smaller]
            both = pair[0].merge(pair[1], on=["function", "learning_rate"], suffixes=("_larger", "_smaller"))
            if len(both):
                ratios[smaller, larger] = *log_ratio(both, "_larger", "_smaller"), len(both)
        noise = hidden_note(len(table) - len(seen), len(table))
        if not ratios:
            return unmeasured(noise or "one keep probability only")
        smaller, larger = max(ratios, key=lambda pair: ratios[pair][0])
        mean, error, count = ratios[smaller, larger]
        note = f"largest of {len(ratios)} pairs at keep {larger:g} over {smaller:g}, {count} learning rates"
        low, high = (math.exp(mean + sign * NORMAL_95 * error) for sign in (-1, 1))
        units = self.trials(tables, experiment)
        return Measured(math.exp(mean), low, high, units, join_notes(note, noise), "trial", 2 * count)
