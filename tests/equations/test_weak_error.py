import math

import numpy as np
import pytest
import torch

from dropscape.equations.weak_error import weak_error


@pytest.mark.parametrize("size", [0.0, 0.3, 3.0])
@pytest.mark.parametrize(("trials", "entries"), [(10, 40), (30, 5)])
def test_the_square_is_unbiased_and_its_standard_error_is_right(size, trials, entries):
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn(entries, generator=generator, dtype=torch.float64)
    mean *= size / mean.norm()
    scales = torch.linspace(0.1, 1.0, entries, dtype=torch.float64)
    estimates = [
        weak_error(mean + scales * torch.randn(trials, entries, generator=generator, dtype=torch.float64))
        for _ in range(4000)
    ]
    squared = np.array([estimate.squared for estimate in estimates])
    trace = float(scales.square().sum()) / trials
    # Exact for independent entries: 4 mu^T V mu + 2 tr(V^2) N/(N-1).
    variances = scales.square() / trials
    exact = math.sqrt(float(4 * mean.square() @ variances + 2 * variances.square().sum() * trials / (trials - 1)))
    assert abs(squared.mean() - size**2) < 4 * exact / math.sqrt(4000)
    assert squared.std() == pytest.approx(exact, rel=0.06)
    mean_square = np.mean([estimate.squared_error**2 for estimate in estimates])
    # The part that is due to the mean is never taken for negative, which counts where it is small.
    assert 0.97 * exact < math.sqrt(mean_square) < (1.03 if size == 3 else 1.45) * exact
    plain = np.mean([estimate.norm_of_mean**2 for estimate in estimates])
    assert plain == pytest.approx(size**2 + trace, abs=4 * exact / math.sqrt(4000))
    assert np.mean([estimate.sampling_error**2 for estimate in estimates]) == pytest.approx(trace, rel=0.02)


def test_norm_and_its_error_follow_from_the_square():
    differences = torch.tensor([[3.0, 4.1], [3.1, 3.9], [2.9, 4.0], [3.0, 4.0]])
    found = weak_error(differences)
    assert found.trials == 4
    assert found.norm_of_mean == pytest.approx(5.0, abs=1e-6)
    pairs = [differences[i] @ differences[j] for i in range(4) for j in range(4) if i != j]
    assert found.squared == pytest.approx(float(sum(pairs)) / 12, abs=1e-5)
    assert found.norm == pytest.approx(math.sqrt(found.squared))
    assert found.norm_error == pytest.approx(found.squared_error / (2 * found.norm))


def test_a_norm_that_is_lost_in_the_noise_is_undefined():
    found = weak_error(torch.tensor([[1.0], [-1.0], [0.5], [-0.5]]))
    assert found.squared < 0 and math.isnan(found.norm) and math.isnan(found.norm_error)


def test_too_few_trials_are_refused():
    with pytest.raises(ValueError, match="at least three"):
        weak_error(torch.zeros(2, 3))
