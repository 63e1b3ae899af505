"""The order to which an equation's expectations approximate dropout's (paper C, Definition 1 and Theorem 1)."""

import math
from dataclasses import replace

from dropscape.claims.measured import Measured, join_notes, unmeasured, with_interval
from dropscape.claims.statistic import Tables
from dropscape.claims.weak_errors import WeakErrorsStatistic, hidden_note, named
from dropscape.numerics.intervals import smallest
from dropscape.numerics.orders import convergence_order


class ConvergenceSlope(WeakErrorsStatistic):
    """Slope of a method's weak error over the learning rate, in log-log."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the smallest over test functions and keep probabilities.

        An approximation of order alpha has errors of at most C eta^alpha for every test function: a larger slope is no
        objection. A test function with fewer than three errors above the noise has no slope and is left out; where a
        keep probability has none, the smallest is undefined.
        """
        errors = self.errors(tables, experiment)
        orders = {
            (keep_prob, named(function, keep_prob, self.functions)): convergence_order(
                rows["learning_rate"], rows["squared"], rows["squared_error"]
            )
            for (function, keep_prob), rows in errors.groupby(["function", "keep_prob"])
        }
        slopes = {key: found.fit.slope for key, found in orders.items() if not math.isnan(found.fit.slope)}
        hidden = sum(found.hidden for found in orders.values())
        noise = hidden_note(hidden, hidden + sum(found.fit.points for found in orders.values()))
        if not slopes:
            return unmeasured(noise or "fewer than three learning rates")
        listed = ", ".join(f"{slope:.2f} ({name})" for (_, name), slope in slopes.items())
        without = ", ".join(key[1] for key in orders if key not in slopes)
        note = join_notes(listed, noise, f"no slope: {without}" if without else "")
        if {keep_prob for keep_prob, _ in slopes} < {keep_prob for keep_prob, _ in orders}:
            return unmeasured(note)
        interval, index = smallest(lambda level: [orders[key].interval(level) for key in slopes])
        points = orders[list(slopes)[index]].fit.points
        return replace(with_interval(interval, self.trials(tables, experiment), note, "trial"), points=points)
