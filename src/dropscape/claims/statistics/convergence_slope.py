"""The order to which an equation's expected end approximates dropout's (paper C, Theorem 1)."""

import math

from dropscape.claims.measured import Measured, join_notes, unmeasured
from dropscape.claims.statistic import Tables
from dropscape.claims.weak_errors import WeakErrorsStatistic, hidden_note
from dropscape.numerics.orders import convergence_order


class ConvergenceSlope(WeakErrorsStatistic):
    """Slope of the error of an equation's expected end over the learning rate, in log-log."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the keep probability whose slope is farthest from ``order``; undefined if one has no slope."""
        orders = {
            keep_prob: convergence_order(rows["learning_rate"], rows["squared"], rows["squared_error"])
            for keep_prob, rows in self.errors(tables, experiment).groupby("keep_prob")
        }
        slopes = {keep_prob: found.fit.slope for keep_prob, found in orders.items() if not math.isnan(found.fit.slope)}
        hidden = sum(found.hidden for found in orders.values())
        noise = hidden_note(hidden, hidden + sum(found.fit.points for found in orders.values()))
        if not slopes:
            return unmeasured(noise or "fewer than three learning rates")
        listed = ", ".join(f"{slope:.2f} at keep {keep_prob:g}" for keep_prob, slope in slopes.items())
        without = ", ".join(f"{keep_prob:g}" for keep_prob in orders if keep_prob not in slopes)
        note = join_notes(listed, noise, f"no slope at keep {without}" if without else "")
        if without:
            return unmeasured(note)
        weakest = max(slopes, key=lambda keep_prob: abs(slopes[keep_prob] - self.order))
        found = orders[weakest]
        units = self.trials(tables, experiment)
        return Measured(slopes[weakest], *found.bounds, units, note, "trial", found.fit.points)
