import itertools
import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.products import HessianOperator
from dropscape.errors import ConfigurationError
from dropscape.noise.alignment import (
    Alignment,
    _unbiased_norm_squared,
    alignment,
    along_eigenvectors,
    other_readings,
    rotated,
    sample_covariance,
)
from tests.toy_models import attentive, mean_token_loss

FLOATS = [field.name for field in fields(Alignment) if field.type is float]


def _problem(count=30, dimension=9, seed=0):
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((dimension, dimension))
    hessian = half @ np.diag(np.logspace(0, -3, dimension)) @ half.T
    samples = rng.standard_normal((count, dimension)) @ half.T * 1e-2 + 0.3
    return hessian, samples


@pytest.mark.parametrize("count", [30, 5])
def test_plain_values_are_those_of_the_explicit_covariance(count):
    hessian, samples = _problem(count)
    sigma = np.cov(samples, rowvar=False, bias=True)
    result = alignment(hessian, samples)
    isotropic = np.trace(sigma) / 9 * np.eye(9)
    expected = {
        "trace_h_sigma": np.trace(hessian @ sigma),
        "trace_h_isotropic": np.trace(hessian @ isotropic),
        "trace_sigma": np.trace(sigma),
        "trace_h": np.trace(hessian),
        "hessian_norm": np.linalg.norm(hessian),
        "sigma_norm": np.linalg.norm(sigma),
        "cosine": np.trace(hessian @ sigma) / np.linalg.norm(hessian) / np.linalg.norm(sigma),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(result, name), value, rtol=1e-11, err_msg=name)
    np.testing.assert_allclose(
        result.cosine_unbiased,
        expected["trace_h_sigma"] * count / (count - 1) / result.hessian_norm / result.sigma_norm_unbiased,
        rtol=1e-11,
    )
    assert result.sample_count == count and result.undefined == ()
    assert alignment(hessian, samples, covariance=sample_covariance(samples)) == result


def test_unbiased_norm_is_the_average_over_distinct_quadruples():
    # E((x_i - x_j)^T (x_k - x_l))^2 = 4 Tr(Sigma^2) for independent samples: the U-statistic by its definition.
    _, samples = _problem(count=7, dimension=3)
    terms = [
        ((samples[i] - samples[j]) @ (samples[k] - samples[m])) ** 2 / 4
        for i, j, k, m in itertools.permutations(range(7), 4)
    ]
    result = alignment(np.eye(3), samples)
    np.testing.assert_allclose(result.sigma_norm_unbiased**2, np.mean(terms), rtol=1e-10)


def test_unbiased_norm_by_enumerating_every_sample_of_four():
    # A skewed distribution on three atoms: the probability-weighted mean over all 81 samples of size four is
    # |Sigma|^2 exactly.
    atoms = np.array([[0.0, 1.0], [2.0, -1.0], [5.0, 3.0]])
    weights = np.array([0.6, 0.3, 0.1])
    mean = weights @ atoms
    sigma = (atoms - mean).T @ np.diag(weights) @ (atoms - mean)
    total = 0.0
    for draw in itertools.product(range(3), repeat=4):
        x = atoms[list(draw)] - atoms[list(draw)].mean(axis=0)
        total += weights[list(draw)].prod() * _unbiased_norm_squared((x**2).sum(1), ((x.T @ x) ** 2).sum())
    np.testing.assert_allclose(total, (sigma**2).sum(), rtol=1e-12)


def test_unbiased_by_monte_carlo_where_the_plain_norm_is_far_off():
    # N = 20 heavy-tailed samples in 30 dimensions; means within four standard errors.
    rng = np.random.default_rng(2)
    scale = np.logspace(0, -1, 30)
    hessian = np.diag(np.logspace(0, -2, 30))
    results = [alignment(hessian, rng.standard_t(6, (20, 30)) * scale) for _ in range(1500)]
    sigma = np.diag(scale**2 * 6 / 4)

    def assert_mean(values, expected):
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        assert abs(np.mean(values) - expected) < 4 * error

    assert all(result.undefined == () for result in results)
    assert_mean([result.sigma_norm_unbiased**2 for result in results], (sigma**2).sum())
    assert_mean([result.trace_h_sigma * 20 / 19 for result in results], np.trace(hessian @ sigma))
    plain = np.mean([result.sigma_norm**2 for result in results])
    assert plain > 1.5 * (sigma**2).sum()
    true_cosine = np.trace(hessian @ sigma) / np.linalg.norm(hessian) / np.linalg.norm(sigma)
    plain_cosine = np.mean([result.cosine for result in results])
    unbiased_cosine = np.mean([result.cosine_unbiased for result in results])
    assert abs(unbiased_cosine - true_cosine) < 0.25 * abs(plain_cosine - true_cosine)


def test_scaling_and_rotation():
    hessian, samples = _problem()
    plain = alignment(hessian, samples)
    scaled = alignment(3 * hessian, 7 * samples)
    for name in ("cosine", "cosine_unbiased"):
        np.testing.assert_allclose(getattr(scaled, name), getattr(plain, name), rtol=1e-12)
    np.testing.assert_allclose(scaled.trace_h_sigma, 147 * plain.trace_h_sigma, rtol=1e-12)
    np.testing.assert_allclose(scaled.trace_h_isotropic, 147 * plain.trace_h_isotropic, rtol=1e-12)
    np.testing.assert_allclose(scaled.sigma_norm_unbiased, 49 * plain.sigma_norm_unbiased, rtol=1e-11)
    rotation = np.linalg.qr(np.random.default_rng(5).standard_normal((9, 9)))[0]
    rotated = alignment(rotation @ hessian @ rotation.T, samples @ rotation.T)
    for name in FLOATS:
        np.testing.assert_allclose(getattr(rotated, name), getattr(plain, name), rtol=1e-9, err_msg=name)


def test_float32_agrees_with_float64_and_small_gradients_do_not_underflow():
    hessian, samples = _problem(count=200, dimension=40)
    hessian, samples = hessian.astype(np.float32), ((samples - 0.3) * 1e-12).astype(np.float32)
    single = alignment(hessian, samples)
    double = alignment(hessian.astype(np.float64), samples.astype(np.float64))
    for name in FLOATS:
        np.testing.assert_allclose(getattr(single, name), getattr(double, name), rtol=1e-6, err_msg=name)


def test_aligned_and_isotropic_extremes():
    rng = np.random.default_rng(8)
    samples = rng.standard_normal((50, 6))
    sigma = np.cov(samples, rowvar=False, bias=True)
    np.testing.assert_allclose(alignment(sigma, samples).cosine, 1, rtol=1e-12)
    result = alignment(np.eye(6), samples)
    np.testing.assert_allclose(result.trace_h_sigma, result.trace_h_isotropic, rtol=1e-12)


def test_undefined_values_say_why():
    hessian, samples = _problem()
    still = alignment(hessian, np.full((3000, 9), 0.1, dtype=np.float32))
    assert math.isnan(still.cosine) and math.isnan(still.cosine_unbiased) and still.trace_h_sigma == 0
    assert still.undefined == ("All samples are equal: no cosine.",)
    flat = alignment(np.zeros((9, 9)), samples)
    assert math.isnan(flat.cosine) and flat.undefined == ("The Hessian is zero: no cosine.",)
    few = alignment(hessian, samples[:3])
    assert math.isnan(few.sigma_norm_unbiased) and math.isfinite(few.cosine)
    assert "at least 4" in few.undefined[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unbiased_norm_that_is_lost_in_rounding_is_not_a_number(dtype):
    # Orthogonal samples: differences of disjoint pairs are orthogonal, so the U-statistic is zero.
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0].astype(dtype)
    result = alignment(np.eye(6), rotation)
    assert math.isnan(result.sigma_norm_unbiased) and math.isnan(result.cosine_unbiased)
    assert "within rounding" in result.undefined[0]
    assert math.isfinite(result.cosine)


def test_shapes_must_belong_together():
    with pytest.raises(ConfigurationError, match=r"shape \(8, 8\) and the samples 9 parameters"):
        alignment(np.eye(8), _problem()[1])


def test_tensors_of_any_kind_are_taken():
    hessian, samples = (torch.as_tensor(values) for values in _problem()[:2])
    expected = alignment(hessian.numpy(), samples.numpy())
    assert alignment(hessian.requires_grad_(), samples.requires_grad_()) == expected
    halves = alignment(hessian.bfloat16(), samples.bfloat16())
    assert halves.cosine == pytest.approx(expected.cosine, rel=0.1)


@pytest.mark.parametrize(("count", "dimension"), [(30, 9), (12, 40)])
def test_products_give_what_the_matrix_gives(count, dimension):
    # 3 x 40 products are enough for the estimates to be exact: only rounding is left.
    hessian, samples = _problem(count, dimension)
    dense = alignment(hessian, samples)
    by_products = alignment(lambda vectors: vectors @ torch.from_numpy(hessian), samples, products=120)
    assert by_products.undefined == dense.undefined
    for name in FLOATS:
        np.testing.assert_allclose(getattr(by_products, name), getattr(dense, name), rtol=1e-9, err_msg=name)


def test_few_products_leave_the_trace_exact_and_say_how_rough_the_norm_is():
    hessian, samples = _problem(count=20, dimension=200)
    dense = alignment(hessian, samples)
    rough = alignment(lambda vectors: vectors @ torch.from_numpy(hessian), samples, products=60)
    np.testing.assert_allclose(rough.trace_h_sigma, dense.trace_h_sigma, rtol=1e-12)
    np.testing.assert_allclose(rough.sigma_norm_unbiased, dense.sigma_norm_unbiased, rtol=1e-9)
    assert rough.trace_h_error > 0 and rough.hessian_norm_error > 0
    assert abs(rough.trace_h - dense.trace_h) < 5 * rough.trace_h_error
    assert abs(rough.hessian_norm - dense.hessian_norm) < 5 * rough.hessian_norm_error
    np.testing.assert_allclose(rough.cosine * rough.hessian_norm, dense.cosine * dense.hessian_norm, rtol=1e-9)


def test_operator_of_a_network():
    model, inputs, targets = attentive()
    block = ("query.weight",)
    hessian = block_hessian(model, block, (inputs, targets), mean_token_loss, dtype=torch.float64).matrix
    operator = HessianOperator(model, block, inputs, targets, mean_token_loss, torch.float64)
    samples = np.random.default_rng(3).standard_normal((10, operator.size))
    dense, by_products = alignment(hessian, samples), alignment(operator, samples, products=3 * operator.size)
    for name in FLOATS:
        np.testing.assert_allclose(getattr(by_products, name), getattr(dense, name), rtol=1e-8, err_msg=name)


def test_a_rotated_covariance_is_the_mean_over_rotations_of_what_varies():
    """Three dead parameters: 4,000 random rotations of the other six against the closed form."""
    hessian, samples = _problem()
    samples[:, 6:] = 0.5
    found = alignment(hessian, samples)
    sigma = np.cov(samples, rowvar=False, bias=True)[:6, :6]
    rotations = ortho_group.rvs(6, 4000, random_state=0)
    traces = np.einsum("ij,kjl,lm,kim->k", hessian[:6, :6], rotations, sigma, rotations)
    null = rotated(hessian, sample_covariance(samples))
    assert null["trace_h_active"] == pytest.approx(traces.mean(), abs=4 * traces.std() / math.sqrt(4000))
    assert null["cosine_rotated"] == pytest.approx(null["trace_h_active"] / found.hessian_norm / found.sigma_norm)
    assert math.isnan(rotated(hessian, np.zeros((9, 9)))["trace_h_active"])


def test_the_other_readings_are_cosines_of_the_matrices_that_they_name():
    risk, samples = _problem()
    dropout, per_example = _problem(seed=1)[0], _problem(seed=2)[0]
    sigma = np.cov(samples, rowvar=False, bias=True)

    def cosine(one, other):
        return np.vdot(one, other) / np.linalg.norm(one) / np.linalg.norm(other)

    found = other_readings(risk, sample_covariance(samples), dropout, per_example)
    assert found["cosine_dropout_loss"] == pytest.approx(cosine(dropout, sigma))
    assert found["cosine_per_example"] == pytest.approx(cosine(risk, per_example))
    assert found["cosine_dropout_loss_per_example"] == pytest.approx(cosine(dropout, per_example))
    isotropic = np.eye(9)  # nothing is dead: the null is that of an isotropic covariance of the same norm
    expected = cosine(risk, isotropic) * np.trace(per_example) / 3 / np.linalg.norm(per_example)
    assert found["cosine_per_example_rotated"] == pytest.approx(expected)
    assert set(found) == {
        f"cosine_{name}{null}"
        for name in ("dropout_loss", "per_example", "dropout_loss_per_example")
        for null in ("", "_rotated")
    }


def test_along_eigenvectors_a_covariance_of_the_hessians_own_shape_is_aligned_and_a_turned_one_is_not():
    """Variances are the eigenvalues to the power 1.5; two more are numerically zero, three parameters dead."""
    rng = np.random.default_rng(4)
    basis = np.zeros((65, 62))
    basis[:60, :60] = np.linalg.qr(rng.standard_normal((60, 60)))[0]
    basis[60:62, 60:] = np.eye(2)
    eigenvalues = np.append(np.logspace(0, -4, 60), [1e-9, 0.0])
    deviations = rng.standard_normal((8000, 60)) * np.logspace(0, -3, 60)
    found = along_eigenvectors(eigenvalues, basis.T, deviations @ basis[:, :60].T, seed=0)
    assert found["eigenvectors"] == 60
    assert found["rank"] > 0.999 and found["r_squared"] > 0.999
    assert abs(found["rank_rotated"]) < 0.4 and found["r_squared_rotated"] < 0.15  # three standard errors of 60 pairs
    falling = along_eigenvectors(eigenvalues, basis.T, deviations[:, ::-1] @ basis[:, :60].T, seed=0)
    assert falling["rank"] < -0.999
