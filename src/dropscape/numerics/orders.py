"""Orders of convergence from errors that are known up to sampling, float64."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dropscape.numerics.fits import PowerLaw, power_law
from dropscape.numerics.intervals import LEVEL, Interval, normal

STANDARD_ERRORS = 2  # an error that is not so far above 0 cannot be told from the noise


@dataclass(frozen=True)
class Order:
    """An order of convergence: the exponent of the errors in the learning rate.

    The bounds of ``fit`` follow from the scatter of a few points, which with three of them says next to nothing;
    ``bounds`` take the errors' sampling into account too.
    """

    fit: PowerLaw  # of the errors above the noise
    sampling_error: float  # the slope's standard error that follows from those of the errors; NaN where the slope is
    scatter_error: float  # the slope's standard error that follows from the points' distances from the line
    hidden: int  # errors that the noise hides, left out

    @property
    def bounds(self) -> tuple[float, float]:
        """Normal 95 % bounds of the slope from the larger of the two standard errors."""
        found = self.interval(LEVEL)
        return found.low, found.high

    def interval(self, level: float) -> Interval:
        """The slope with normal bounds of that level."""
        return normal(self.fit.slope, float(np.fmax(self.sampling_error, self.scatter_error)), level)


def above_noise(squared: ArrayLike, squared_error: ArrayLike) -> NDArray[np.bool_]:
    """Say where the estimate of a squared norm is so many standard errors above 0 that the norm is not noise."""
    squared, squared_error = np.asarray(squared, dtype=np.float64), np.asarray(squared_error, dtype=np.float64)
    return (squared > 0) & (squared > STANDARD_ERRORS * squared_error)


def convergence_order(learning_rates: ArrayLike, squared: ArrayLike, squared_error: ArrayLike) -> Order:
    """Fit log norm over log learning rate (paper C, Theorem 1 and Fig. 1b, c), from (K,) each.

    ``squared`` are unbiased estimates of the squared norms, which may be negative, ``squared_error`` their standard
    errors. A norm that the noise hides is left out: its estimate is above 0 by chance or undefined.
    """
    rates, squared = np.asarray(learning_rates, dtype=np.float64), np.asarray(squared, dtype=np.float64)
    usable = above_noise(squared, squared_error)
    fit = power_law(rates[usable], np.sqrt(squared[usable]))
    hidden = int((~usable).sum())
    if math.isnan(fit.slope):
        return Order(fit, math.nan, math.nan, hidden)
    # To first order the relative error of a root is half that of the square; a slope is a sum of log norms with
    # these weights.
    relative = np.asarray(squared_error, dtype=np.float64)[usable] / (2 * squared[usable])
    offsets = np.log(rates[usable]) - np.log(rates[usable]).mean()
    sampling = np.linalg.norm(offsets / (offsets @ offsets) * relative)
    logs = np.log(squared[usable]) / 2
    residuals = logs - logs.mean() - fit.slope * offsets
    scatter = math.sqrt(residuals @ residuals / (len(logs) - 2) / (offsets @ offsets))
    return Order(fit, float(sampling), scatter, hidden)


def largest_over_steps(errors: pd.DataFrame) -> pd.DataFrame:
    """The largest error over the steps of each method, keep probability, learning rate and test function."""
    keys = ["method", "keep_prob", "learning_rate", "function"]
    return errors.loc[errors.groupby(keys)["squared"].idxmax()].reset_index(drop=True)


def log_ratio(rows: pd.DataFrame, above: str, below: str) -> tuple[float, float]:
    """The mean log ratio of two norms in one row and its standard error, from columns squared and squared_error.

    A norm ``above`` that the noise hides stands at its upper 95 % bound, so that the ratio is rather too large. Where
    one ``below`` is hidden both are undefined: the ratio may be as large as it will.

    The columns of the two have the suffixes ``above`` and ``below``; their errors are taken as independent.
    """
    squared, error = (
        {one: rows[f"{column}{one}"] for one in (above, below)} for column in ("squared", "squared_error")
    )
    if not above_noise(squared[below], error[below]).all():
        return math.nan, math.nan
    hidden = ~above_noise(squared[above], error[above])
    squared[above] = squared[above].mask(hidden, normal(squared[above].clip(lower=0), error[above]).high)
    logs = np.log(squared[above] / squared[below]) / 2
    # To first order the relative error of a norm is half that of its square.
    relative = [error[one] / squared[one] / 2 for one in (above, below)]
    return float(logs.mean()), math.sqrt(sum((one**2).sum() for one in relative)) / len(rows)


def slopes_of_repetitions(rows: pd.DataFrame) -> pd.Series:
    """The exponent of the norm in the learning rate of each repetition, from columns learning_rate and norm."""
    return pd.Series(
        {
            repetition: power_law(own["learning_rate"], own["norm"]).slope
            for repetition, own in rows.groupby("repetition")
        }
    )
