"""The statistics of claims on how far the equations' expected ends are from dropout's (paper C, Fig. 1b, c).

The errors are norms of expectations; a norm within two standard errors of 0 is hidden by the noise of the trials and
left out (``dropscape.numerics.orders``). Bounds are normal 95 % bounds from the norms' standard errors unless said
otherwise.
"""

import math

import numpy as np
import pandas as pd

from dropscape.claims.statistics import Measured, unmeasured
from dropscape.claims.tables import NotMeasured, Tables
from dropscape.numerics.orders import NORMAL_95, Order, above_noise, convergence_order


def convergence_slope(tables: Tables, experiment: str, claim: str, order: int) -> Measured:
    """The slope of log error over log learning rate (paper C, Theorem 1).

    Of the keep probability whose slope is farthest from ``order``; undefined where the noise floor hides one, because
    that may be the farthest. Bounds: normal, from the greater of the slope's standard errors by the norms' own and by
    the points' scatter about the line.
    """
    orders: dict[float, Order] = {}
    for keep_prob, rows in _errors(tables, experiment, order).groupby("keep_prob"):
        orders[keep_prob] = convergence_order(rows["learning_rate"], rows["squared"], rows["squared_error"])
    slopes = {keep_prob: found.fit.slope for keep_prob, found in orders.items() if not math.isnan(found.fit.slope)}
    hidden = sum(found.hidden for found in orders.values())
    total = sum(found.fit.points + found.hidden for found in orders.values())
    noise = f"the noise floor hides {hidden} of {total} errors: not above their sampling error" if hidden else ""
    if not slopes:
        return unmeasured(noise or "fewer than three learning rates")
    listed = ", ".join(f"{slope:.2f} at keep {keep_prob:g}" for keep_prob, slope in slopes.items())
    without = ", ".join(f"{keep_prob:g}" for keep_prob in orders if keep_prob not in slopes)
    note = "; ".join(part for part in (listed, noise, f"no slope at keep {without}" if without else "") if part)
    if without:
        return unmeasured(note)
    weakest = max(slopes, key=lambda keep_prob: abs(slopes[keep_prob] - order))
    return Measured(slopes[weakest], *orders[weakest].bounds, orders[weakest].fit.points, note)


def keep_prob_error_ratio(tables: Tables, experiment: str, claim: str, order: int) -> Measured:
    """The error at a keep probability over that at the next smaller one (paper C, section 4.3).

    The geometric mean over the learning rates at which neither is hidden, of the pair with the largest one.
    """
    table = _errors(tables, experiment, order)
    seen = table[above_noise(table["squared"], table["squared_error"])]
    by_keep_prob = dict(tuple(seen.groupby("keep_prob")))
    ratios = {}
    for smaller, larger in zip(sorted(by_keep_prob), sorted(by_keep_prob)[1:], strict=False):
        pair = by_keep_prob[larger], by_keep_prob[smaller]
        both = pair[0].merge(pair[1], on="learning_rate", suffixes=("_larger", "_smaller"))
        if len(both):
            # To first order the relative error of a norm is half that of its square.
            logs = np.log(both["squared_larger"] / both["squared_smaller"]) / 2
            relative = [both[f"squared_error_{one}"] / both[f"squared_{one}"] / 2 for one in ("larger", "smaller")]
            error = math.sqrt(sum((one**2).sum() for one in relative)) / len(both)
            ratios[smaller, larger] = float(logs.mean()), error, len(both)
    hidden = len(table) - len(seen)
    noise = f"the noise floor hides {hidden} of {len(table)} errors: not above their sampling error" if hidden else ""
    if not ratios:
        return unmeasured(noise or "one keep probability only")
    smaller, larger = max(ratios, key=lambda pair: ratios[pair][0])
    mean, error, count = ratios[smaller, larger]
    note = f"largest of {len(ratios)} pairs at keep {larger:g} over {smaller:g}, {count} learning rates"
    note = "; ".join(part for part in (note, noise) if part)
    low, high = (math.exp(mean + sign * NORMAL_95 * error) for sign in (-1, 1))
    return Measured(math.exp(mean), low, high, 2 * count, note)


def _errors(tables: Tables, experiment: str, order: int) -> pd.DataFrame:
    """The points of one order.

    Raises:
        NotMeasured: there are none.
    """
    table = tables.of_experiment("weak_errors", experiment)
    rows = table[table["order"] == order]
    if rows.empty:
        raise NotMeasured(f"{experiment} has no errors of order {order}")
    return rows
