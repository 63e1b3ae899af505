"""The compiled tanh against float64."""

import numpy as np

from dropscape.numerics.compiled_loops import vectorised
from dropscape.numerics.fast_tanh import tanh


@vectorised
def _tanhs(z, out):
    for index in range(len(z)):
        out[index] = tanh(z[index])


def tanhs(values):
    """The function of an array, in the SIMD instructions that a kernel has."""
    z = np.asarray(values, np.float32)
    out = np.full_like(z, np.nan)
    _tanhs(z, out)
    return out


def test_it_is_within_its_bounds():
    """4 units in the last place, 2.5e-7 relative, and 1 at the most, over all magnitudes and densely where it bends."""
    generator = np.random.default_rng(0)
    sizes = 10 ** generator.uniform(-37, 38, 300_000)
    z = np.concatenate([np.linspace(-13, 13, 2_000_001), sizes, -sizes, 10 ** generator.uniform(-4, 1, 500_000)])
    z = z.astype(np.float32)
    ours, exact = tanhs(z).astype(np.float64), np.tanh(z.astype(np.float64))
    error = np.abs(ours - exact)
    assert (error / np.spacing(np.abs(exact).astype(np.float32))).max() < 4
    assert (error[exact != 0] / np.abs(exact[exact != 0])).max() < 2.5e-7
    assert np.abs(ours).max() == 1
    assert error.max() > 0, "it is float32"


def test_what_is_no_number_stays_none():
    assert list(tanhs([0.0, np.inf, -np.inf, 3e38, -3e38])) == [0, 1, -1, 1, -1]
    assert np.isnan(tanhs([np.nan])[0]), "a training that diverged must not look finite"
    assert np.isnan(tanhs(np.full(64, np.nan))).all(), "also in SIMD instructions"


def test_it_is_odd():
    z = np.random.default_rng(1).normal(size=10_000).astype(np.float32)
    np.testing.assert_allclose(tanhs(-z), -tanhs(z), rtol=5e-7)


def test_it_becomes_simd_instructions():
    """A loop with it is compiled without calls and without a branch for each number."""
    tanhs(np.zeros(3))
    (code,) = _tanhs.inspect_llvm().values()
    assert "x float> %" in code, "vectors of float32"
