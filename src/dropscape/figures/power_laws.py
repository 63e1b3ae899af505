"""Power laws through a figure's points, for each run and range of directions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropscape.figures.runs import DROPOUT_RUN
from dropscape.numerics.fits import power_law, spearman
from dropscape.numerics.grids import represented
from dropscape.numerics.intervals import student

LEADING = 50  # which is what the claims call leading, too
RANGES = {"all": None, f"leading {LEADING}": LEADING}


def power_laws(points: pd.DataFrame, x: str, y: str, by: Sequence[str] = ()) -> pd.DataFrame:
    """A power law log10 y = intercept + slope log10 x per run and range of indices, the mean of those of the seeds.

    The points have the run's settings, ``seed``, ``index`` (from 1), ``reason``, the columns x and y and those ``by``
    which they are divided besides. Returns one row per run, group and range (``all``; ``leading 50``: indices 1 to
    50): slope, slope_low and slope_high (95 %, Student's t over the seeds' fits; NaN with one seed), intercept,
    r_squared and spearman (means over seeds; a measured direction counts for all indices that it is nearest to), seeds,
    points, undefined, and the ends of the line x_low, y_low, x_high, y_high.
    """
    keys = [*DROPOUT_RUN, *by]
    rows = []
    for values, group in points.groupby(keys, sort=False):
        for name, last in RANGES.items():
            inside = group if last is None else group[group["index"] <= last]
            total = min(last or np.inf, group["index"].max())
            rows.append(dict(zip(keys, values, strict=True)) | {"range": name} | _over_seeds(inside, x, y, total))
    return pd.DataFrame(rows)


def _over_seeds(points: pd.DataFrame, x: str, y: str, total: int) -> dict[str, Any]:
    """The mean fit of the seeds; its line is at each x the mean of theirs."""
    drawn = points[points["reason"] == ""]
    groups = []
    for _, rows in points.groupby("seed"):
        every = rows.loc[rows.index.repeat(represented(rows["index"].to_numpy(), total))]
        groups += [every[every["reason"] == ""]] if (every["reason"] == "").any() else []
    laws = [power_law(rows[x], rows[y]) for rows in groups] or [power_law([], [])]
    ranks = [spearman(rows[[x, y]].to_numpy(dtype=np.float64)) if len(rows) >= 3 else np.nan for rows in groups]
    slope, intercept = student([law.slope for law in laws]), np.mean([law.intercept for law in laws])
    ends = drawn[x].min(), drawn[x].max()
    low, high = (10 ** (intercept + slope.value * np.log10(end)) for end in ends)
    fit = {"slope": slope.value, "slope_low": slope.low, "slope_high": slope.high, "intercept": intercept}
    fit |= {"r_squared": np.mean([law.r_squared for law in laws]), "spearman": np.mean(ranks) if ranks else np.nan}
    fit |= {"seeds": points["seed"].nunique(), "points": len(drawn)}
    fit["undefined"] = len(points) - fit["points"]
    return fit | {"x_low": ends[0], "y_low": low, "x_high": ends[1], "y_high": high}
