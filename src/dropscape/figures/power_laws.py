"""Power laws through a figure's points, for each run and range of directions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dropscape.figures.runs import DROPOUT_RUN
from dropscape.numerics.fits import power_law, spearman

LEADING = 100
RANGES = {"all": None, f"leading {LEADING}": LEADING}


def power_laws(points: pd.DataFrame, x: str, y: str, by: Sequence[str] = ()) -> pd.DataFrame:
    """A power law log10 y = intercept + slope log10 x per run and range of indices, through the points of all seeds.

    The points have the run's settings, ``seed``, ``index`` (from 1), ``reason``, the columns x and y and those ``by``
    which they are divided besides. Returns one row per run, group and range (``all``; ``leading 100``: indices 1 to
    100): slope, slope_low and slope_high (95 %, Student's t, points taken as independent), intercept, r_squared,
    spearman, seeds, points, undefined, and the ends of the fitted line x_low, y_low, x_high, y_high.
    """
    keys = [*DROPOUT_RUN, *by]
    rows = []
    for values, group in points.groupby(keys, sort=False):
        for name, last in RANGES.items():
            inside = group if last is None else group[group["index"] <= last]
            drawn = inside[inside["reason"] == ""]
            law = power_law(drawn[x], drawn[y])
            pairs = np.log10(drawn[[x, y]].to_numpy(dtype=np.float64))
            ends = (drawn[x].min(), drawn[x].max())
            low, high = (10 ** (law.intercept + law.slope * np.log10(end)) for end in ends)
            fit = {key: getattr(law, key) for key in ("slope", "slope_low", "slope_high", "intercept", "r_squared")}
            fit |= {"spearman": spearman(pairs) if len(pairs) >= 3 else np.nan, "seeds": inside["seed"].nunique()}
            fit |= {"points": law.points, "undefined": len(inside) - law.points}
            fit |= {"x_low": ends[0], "y_low": low, "x_high": ends[1], "y_high": high}
            rows.append(dict(zip(keys, values, strict=True)) | {"range": name} | fit)
    return pd.DataFrame(rows)
