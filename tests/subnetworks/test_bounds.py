"""The promises of the theorems, against numbers worked out by hand, exact tails and drawn weights."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from dropscape.subnetworks.bounds import active_bound, max_norm, theorem_bounds


def test_the_theorem_by_hand():
    """gamma 1/4, eta 1/2, T = 1e4, m = 100, d = 4: every term of Theorem 4.1 and Lemma 5.2 written with its number."""
    c = max_norm(4, 100, 0.25)
    assert c == pytest.approx(2 + 2 * math.sqrt(math.log(100)) + 1)
    assert max_norm(4, 100, 0.05) == pytest.approx(2 + 1 / (14 * 0.0025) + 1)
    assert max_norm(4, 100) == c
    bounds = theorem_bounds(0.25, 0.5, 10_000, 100, c, 0.05)
    lam = 20 * math.log(1e4) + math.sqrt(44 * 16 * math.log(12 * c * math.sqrt(100 * 1e8)))
    assert bounds["lambda"] == pytest.approx(lam)
    assert bounds["required_width"] == pytest.approx(2401 * 4096 * lam**2)
    assert bounds["error_bound"] == pytest.approx(4 * lam**2 / 5000)
    assert bounds["compression_bound"] == pytest.approx(12 * lam**2 / 5000 + 6 * math.log(20) / 10_000)
    assert bounds["distance_bound"] == pytest.approx(1.4 * lam)
    # From there on the first bound says something of an error: at gamma 1/4, after 27 million steps.
    steps = bounds["informative_steps"]
    assert theorem_bounds(0.25, 0.5, steps, 100, c, 0.05)["error_bound"] == pytest.approx(1)
    assert 1e6 < steps < 1e8


@pytest.mark.parametrize("width, keep_prob", [(10, 0.5), (300, 0.2), (1000, 0.9)])
def test_masks_rarely_keep_more_than_the_bound(width, keep_prob):
    """The exact probability that one of T masks does, by a union over them."""
    steps, delta = 1000, 0.05
    assert steps * binom.sf(active_bound(width, keep_prob, steps, delta), width, keep_prob) <= delta
    assert active_bound(width, keep_prob, steps, delta) < keep_prob * width + 4.5 * math.sqrt(width)


def test_initial_weights_are_inside_the_ball():
    """With probability 1 - 1/m no row of N(0, I) is longer than sqrt(d) + 2 sqrt(ln m) (section 4)."""
    rng = np.random.default_rng(0)
    longest = [np.linalg.norm(rng.standard_normal((200, 10)), axis=1).max() for _ in range(50)]
    assert np.mean(np.array(longest) > max_norm(10, 200) - 1) < 1 / 200 + 4 * math.sqrt(1 / 200 / 50)
