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


def test_fits_agree_with_linear_regressions_of_the_logarithms_seed_by_seed(points):
    fits = power_laws(points, "x", "y").set_index("range")
    for name, last, undefined in (("all", 300, 2), ("leading 50", 50, 1)):
        used = points[(points["reason"] == "") & (points["index"] <= last)]
        found = [stats.linregress(np.log10(rows["x"]), np.log10(rows["y"])) for _, rows in used.groupby("seed")]
        slopes, intercept = [one.slope for one in found], np.mean([one.intercept for one in found])
        low, high = stats.ttest_1samp(slopes, 0).confidence_interval(0.95)
        fit = fits.loc[name]
        assert (fit["slope"], fit["slope_low"], fit["slope_high"]) == pytest.approx((np.mean(slopes), low, high))
        assert fit["r_squared"] == pytest.approx(np.mean([one.rvalue**2 for one in found]))
        ranks = [stats.spearmanr(rows["x"], rows["y"]).statistic for _, rows in used.groupby("seed")]
        assert fit["spearman"] == pytest.approx(np.mean(ranks))
        assert (fit["points"], fit["undefined"], fit["seeds"]) == (len(used), undefined, 2)
        ends = intercept + fit["slope"] * np.log10([used["x"].min(), used["x"].max()])
        assert [fit["y_low"], fit["y_high"]] == pytest.approx(list(10**ends))
    assert fits.loc["leading 50", "slope"] == pytest.approx(-2, abs=0.2)


def test_one_seed_has_a_slope_without_an_interval(points):
    fit = power_laws(points[points["seed"] == 0], "x", "y").iloc[0]
    assert fit["slope"] < 0 and np.isnan(fit["slope_low"]) and np.isnan(fit["slope_high"])


def test_too_few_points_give_no_slope(points):
    fits = power_laws(points.head(2), "x", "y")
    assert fits["slope"].isna().all() and (fits["points"] == 2).all()


def test_a_measured_direction_weighs_as_much_as_the_indices_that_it_stands_for(points):
    measured = np.array([1, 2, 5, 8, 16, 40, 90, 300])
    nearest = [min(measured, key=lambda one: (abs(one - index), one)) for index in range(1, 301)]
    some = points[points["index"].isin(measured)]
    every = pd.concat([some[some["seed"] == seed].set_index("index").loc[nearest] for seed in (0, 1)])
    every = every.assign(index=np.tile(np.arange(1, 301), 2)).reset_index(drop=True)
    sparse, dense = (power_laws(one, "x", "y").set_index("range") for one in (some, every))
    columns = ["slope", "r_squared", "spearman"]
    np.testing.assert_allclose(sparse.loc["all", columns].astype(float), dense.loc["all", columns].astype(float))
    assert sparse["points"].tolist() == [16, 12]
