"""Points on the sphere: that Assumption 1 holds with the margin that is stated, and with no larger one for caps."""

import numpy as np
import pytest

from dropscape.errors import ConfigurationError
from dropscape.subnetworks.distributions import Caps, Sectors, make_distribution

KEEP_PROB = 0.6
DISTRIBUTIONS = [Caps(2, 0.5), Caps(6, 0.3), Sectors(3, 0.4), Sectors(7, 0.6)]


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def features(x, z):
    """x 1{z . x >= 0} for every pair, (points, directions, d)."""
    return x[:, None] * (x @ z.T >= 0)[:, :, None]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_points_are_labelled_units_of_both_classes(distribution, rng):
    x, y = distribution.draw(rng, 2000)
    assert x.dtype == y.dtype == np.float32 and x.shape == (2000, distribution.dimension)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-6)
    assert set(np.unique(y)) == {-1, 1}
    assert abs(y.mean()) < 4 / np.sqrt(len(y))


@pytest.mark.parametrize("dimension, separation", [(2, 0.5), (6, 0.3)])
def test_caps_are_apart_by_their_separation(dimension, separation, rng):
    x, y = Caps(dimension, separation).draw(rng, 5000)
    apart = y * x[:, 0]
    assert separation - 1e-6 < apart.min() < separation + 0.01
    assert apart.mean() == pytest.approx((1 + separation) / 2, abs=4 * (1 - separation) / np.sqrt(12 * 5000))


@pytest.mark.parametrize("dimension", [3, 7])
def test_sectors_are_apart_and_no_line_separates_them(dimension, rng):
    x, y = Sectors(dimension, 0.4).draw(rng, 5000)
    near, far = np.abs(x[:, :2].astype(float).T) * np.sqrt(2)
    np.testing.assert_allclose(near**2 + far**2, 1, rtol=1e-6)
    assert 0.4 - 1e-6 < (y * (near - far)).min() < 0.41
    # Opposite points have one label, so the mean of y x is zero and no direction has a positive margin.
    assert np.abs((y[:, None] * x).mean(axis=0)).max() < 5 / np.sqrt(len(y))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_competitor_attains_the_margin(distribution, rng):
    """E[y <psi(z), x> b 1{z . x >= 0}] by Monte Carlo over z and b, for points among the worst and for typical ones."""
    x, y = distribution.draw(rng, 4000)
    z = rng.standard_normal((100_000, distribution.dimension))
    psi = distribution.competitor(z)
    assert np.linalg.norm(psi, axis=1).max() <= 1 + 1e-12
    kept = rng.random(len(z)) < KEEP_PROB
    margin = distribution.margin(KEEP_PROB)

    def attained(point, label):
        values = label * (psi @ point) * kept * (z @ point >= 0)
        return values.mean(), values.std() / np.sqrt(len(z))

    apart = y * (x[:, 0] if isinstance(distribution, Caps) else np.abs(x[:, 0]) - np.abs(x[:, 1]))
    worst = np.argsort(apart)[:5]
    for index in worst:
        mean, error = attained(x[index].astype(float), y[index])
        assert mean == pytest.approx(margin, abs=4 * error + 2e-3 * KEEP_PROB)
    for index in range(20):
        mean, error = attained(x[index].astype(float), y[index])
        assert mean > margin - 4 * error


@pytest.mark.parametrize("dimension", [2, 6])
def test_no_psi_does_better_for_caps(dimension, rng):
    """Against the points next to the gap and their opposites the best psi(z) gains |E[y x 1{z . x >= 0}]|."""
    caps = Caps(dimension, 0.3)
    beside = rng.standard_normal((500, dimension - 1))
    beside /= np.linalg.norm(beside, axis=1, keepdims=True)
    beside = np.concatenate([beside, -beside])
    x = np.column_stack([np.full(len(beside), 0.3), np.sqrt(1 - 0.09) * beside])
    z = rng.standard_normal((200, dimension))
    gained = (features(x, z) - features(-x, z)).mean(axis=0) / 2
    np.testing.assert_allclose(np.linalg.norm(gained, axis=1), caps.margin(1.0), rtol=1e-9)


def test_margins_grow_with_keep_prob_and_separation():
    for kind, dimension in ((Caps, 5), (Sectors, 5)):
        assert kind(dimension, 0.3).margin(1.0) == pytest.approx(2 * kind(dimension, 0.3).margin(0.5))
        assert kind(dimension, 0.6).margin(0.5) > kind(dimension, 0.3).margin(0.5) > 0


@pytest.mark.parametrize(
    "name, dimension, separation, said",
    [
        ("moons", 5, 0.5, "moons.*caps, sectors"),
        ("caps", 1, 0.5, "dimension is 1.*at least 2"),
        ("sectors", 2, 0.5, "dimension is 2.*at least 3"),
        ("caps", 5, 0.0, "separation is 0"),
        ("sectors", 5, 1.0, "separation is 1"),
    ],
)
def test_what_cannot_work_is_refused(name, dimension, separation, said):
    with pytest.raises(ConfigurationError, match=said):
        make_distribution(name, dimension, separation)
