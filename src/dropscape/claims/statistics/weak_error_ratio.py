"""Which of two approximations of dropout is nearer to it in expectation (paper C, Definition 1)."""

from pydantic import Field

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import Tables
from dropscape.claims.weak_errors import Method, WeakErrorsStatistic, largest_ratio, named
from dropscape.numerics.orders import log_ratio


class WeakErrorRatio(WeakErrorsStatistic):
    """Weak error of a method over that of another one."""

    over: Method = Field(description="The other method.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over the learning rates, the largest of keep probabilities and test functions.

        It is undefined where the noise hides an error of the other method, which may be as near as it will.
        """
        own, other = (self.errors(tables, experiment, method) for method in (self.method, self.over))
        both = own.merge(other, on=["function", "keep_prob", "learning_rate"], suffixes=("", "_other"))
        ratios = {
            named(function, keep_prob, self.functions): log_ratio(rows, "", "_other")
            for (function, keep_prob), rows in both.groupby(["function", "keep_prob"])
        }
        return largest_ratio(ratios, self.trials(tables, experiment))
