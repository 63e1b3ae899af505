import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dropscape.figures.power_laws import power_laws


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    index = np.tile(np.arange(1, 301), 2)
    x = index**0.5 * rng.lognormal(0, 0.1, 600)
    # Another slope from index 101 on.
    y = np.where(index <= 100, x**-2, 100 * x**-4) * rng.lognormal(0, 0.2, 600)
    settings = {"run": "r", "keep_prob": 0.8, "learning_rate": 0.1, "dropout_after": 1, "mask_mode": "shared"}
    frame = pd.DataFrame({"seed": np.repeat([0, 1], 300), "index": index, "x": x, "y": y, "reason": ""})
    frame.loc[[3, 200], "reason"] = "no crossing"
    frame.loc[3, "y"] = np.nan
    return frame.assign(variant="", **settings)


def test_fits_agree_with_linear_regression_of_the_logarithms(points):
    fits = power_laws(points, "x", "y").set_index("range")
    for name, last, undefined in (("all", 300, 2), ("leading 100", 100, 1)):
        used = points[(points["reason"] == "") & (points["index"] <= last)]
        x, y = np.log10(used["x"]), np.log10(used["y"])
        expected = stats.linregress(x, y)
        margin = stats.t.ppf(0.975, len(used) - 2) * expected.stderr
        fit = fits.loc[name]
        assert fit["slope"] == pytest.approx(expected.slope)
        assert (fit["slope_low"], fit["slope_high"]) == pytest.approx(
            (expected.slope - margin, expected.slope + margin)
        )
        assert fit["r_squared"] == pytest.approx(expected.rvalue**2)
        assert fit["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic)
        assert (fit["points"], fit["undefined"], fit["seeds"]) == (len(used), undefined, 2)
        ends = expected.intercept + expected.slope * np.array([x.min(), x.max()])
        assert [fit["y_low"], fit["y_high"]] == pytest.approx(list(10**ends))
    assert fits.loc["leading 100", "slope"] == pytest.approx(-2, abs=0.2)


def test_too_few_points_give_no_slope(points):
    fits = power_laws(points.head(2), "x", "y")
    assert fits["slope"].isna().all() and (fits["points"] == 2).all()
