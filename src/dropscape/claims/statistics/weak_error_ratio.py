"""Which of two approximations of dropout is nearer to it in expectation (paper C, Definition 1)."""

import math

from pydantic import Field

from dropscape.claims.measured import Measured, join_notes, unmeasured
from dropscape.claims.statistic import Tables
from dropscape.claims.weak_errors import Method, WeakErrorsStatistic, hidden_note, named
from dropscape.numerics.orders import NORMAL_95, above_noise, log_ratio


class WeakErrorRatio(WeakErrorsStatistic):
    """Weak error of a method over that of another one."""

    over: Method = Field(description="The other method.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over the learning rates, the largest of keep probabilities and test functions.

        An error of the method's that the noise hides stands at its upper 95 % bound, so that the ratio is rather too
        large; one of the other's that is hidden is left out.
        """
        own, other = (self.errors(tables, experiment, method) for method in (self.method, self.over))
        both = own.merge(other, on=["function", "keep_prob", "learning_rate"], suffixes=("", "_other"))
        seen = both[above_noise(both["squared_other"], both["squared_error_other"])]
        hidden = ~above_noise(seen["squared"], seen["squared_error"])
        bound = seen["squared"].clip(lower=0) + NORMAL_95 * seen["squared_error"]
        seen = seen.assign(squared=seen["squared"].mask(hidden, bound))
        ratios = {
            named(function, keep_prob, self.functions): log_ratio(rows, "", "_other")
            for (function, keep_prob), rows in seen.groupby(["function", "keep_prob"])
        }
        noise = hidden_note(len(both) - len(seen) + int(hidden.sum()), 2 * len(both))
        if len(ratios) < both.groupby(["function", "keep_prob"]).ngroups:
            return unmeasured(noise)
        largest = max(ratios, key=lambda name: ratios[name][0])
        mean, error = ratios[largest]
        listed = ", ".join(f"{math.exp(ratio):.3g} ({name})" for name, (ratio, _) in ratios.items())
        low, high = (math.exp(mean + sign * NORMAL_95 * error) for sign in (-1, 1))
        return Measured(math.exp(mean), low, high, self.trials(tables, experiment), join_notes(listed, noise), "trial")
