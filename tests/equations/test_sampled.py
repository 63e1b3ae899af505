import math
from dataclasses import replace

import pytest
import torch
from torch.func import grad

from benchmarks.covariance import covariance
from dropscape.equations import sampled as sampled_module
from dropscape.equations.activations import activation_called
from dropscape.equations.modified_loss import modified_gradient
from dropscape.equations.network import forward, two_layers
from dropscape.equations.sampled import (
    SampledSimulation,
    SampledTrials,
    coefficients,
    outputs_of,
    risks,
    weighted_gradient,
)
from dropscape.training.checkpoint import Checkpoint
from tests.equations.networks import all_masks, close, normals
from tests.equations.test_deep import deep

TANH = activation_called("tanh")
KEEP_PROB = 0.6
BASE = SampledSimulation("tanh", 0.1, 4, (0, 2, 4), (3, 4), "test", keep_prob=KEEP_PROB)


def test_the_coefficients_are_linear_in_normals_and_leave_mean_and_covariance_as_they_are():
    """Sum to 1, and (I - 11'/M)/M is the covariance of what multiplies the gradients."""
    samples = 5
    constant = coefficients(torch.zeros(1, samples, dtype=torch.float64))[0]
    close(constant, torch.full((samples,), 1 / samples, dtype=torch.float64))
    linear = coefficients(torch.eye(samples, dtype=torch.float64)) - constant
    close(linear.T @ linear, (torch.eye(samples, dtype=torch.float64) - 1 / samples) / samples)
    assert linear.sum(dim=1).abs().max() < 1e-15


@pytest.mark.parametrize("samples", [2, 3])
def test_a_step_has_the_mean_and_the_covariance_of_dropouts_gradient(samples):
    """Over all masks of all samples and over the normals, against the closed forms of one hidden layer."""
    units = 2
    weights, sample = deep(5, [1, units, 1], 1)
    masks, probabilities = all_masks(units, KEEP_PROB)
    indices = torch.cartesian_prod(*[torch.arange(len(masks))] * samples)
    chances = probabilities[indices].prod(dim=1)
    # The coefficients' part along each normal (and, first, the constant one) makes a gradient of its own.
    eye = torch.eye(samples, dtype=torch.float64)
    constant = coefficients(torch.zeros_like(eye[:1]))
    parts = torch.cat([constant, coefficients(eye) - constant])
    mean, second = 0, 0
    for rows, chance in zip(indices, chances, strict=True):
        drawn = torch.stack(
            [
                two_layers(weighted_gradient(weights, sample, "tanh", part[None], [masks[rows][None]])).vectors()[0]
                for part in parts
            ]
        )
        mean = mean + chance * drawn[0]
        second = second + chance * drawn.T @ drawn
    passed = forward(two_layers(weights), sample, TANH)
    close(mean, modified_gradient(passed, KEEP_PROB).vectors()[0])
    close(second - torch.outer(mean, mean), covariance(passed, KEEP_PROB)[0], 1e-10)


def test_the_gradient_is_the_weighted_sum_of_every_draws_own():
    weights, sample = deep(6, [2, 3, 4, 2], 2)
    generator = torch.Generator().manual_seed(7)
    weighting = normals(generator, 2, 3)
    masks = [normals(generator, 2, 3, units) for units in (3, 4)]
    batches = torch.randint(5, (2, 3, 4), generator=generator)
    moves = [normals(generator, 2, 3, *layer.shape[1:]) for layer in weights]
    together = weighted_gradient(weights, sample, "tanh", weighting, masks, batches, moves)
    for trial in range(2):
        total = [torch.zeros_like(layer[trial]) for layer in weights]
        for draw in range(3):

            def loss(own, trial=trial, draw=draw):
                moved = [(layer + move[trial, draw])[None] for layer, move in zip(own, moves, strict=True)]
                chosen = batches[trial, draw]
                kept = [mask[trial, draw][None, None] for mask in masks]
                outputs = outputs_of(moved, sample.inputs[chosen][None, None], TANH, kept)
                return risks(outputs, sample.targets[chosen]).squeeze()

            parts = grad(loss)([layer[trial] for layer in weights])
            total = [one + weighting[trial, draw] * part for one, part in zip(total, parts, strict=True)]
        for one, other in zip(together, total, strict=True):
            close(one[trial], other)


@pytest.mark.parametrize("samples", [1, 40])
def test_what_is_drawn_for_a_gradient(samples, monkeypatch):
    """Masks of the keep probability, all examples equally often, normals of the deviation that is asked for."""
    seen = []

    def kept(weights, train, activation, combined, masks, batches, moves):
        seen.append((combined, masks, batches, moves))
        return [torch.zeros_like(layer) for layer in weights]

    monkeypatch.setattr(sampled_module, "weighted_gradient", kept)
    weights, sample = deep(8, [2, 20, 30, 1], 6)
    steps = 200 // samples * 2
    noisy = replace(BASE, steps=steps, history=(), batch_size=7, parameter_noise=0.3, samples=samples)
    SampledTrials(noisy, weights, sample, sample).finish()
    for index, units in enumerate((20, 30)):
        mask = torch.stack([masks[index] for _, masks, _, _ in seen])
        assert mask.shape == (steps, 6, samples, units)
        assert set(mask.unique().tolist()) == {0, 1 / KEEP_PROB}
        # Five standard errors.
        assert abs(float((mask > 0).double().mean()) - KEEP_PROB) < 5 * math.sqrt(KEEP_PROB * 0.4 / mask.numel())
    combined = [one for one, *_ in seen]
    batch = torch.stack([batches for _, _, batches, _ in seen])
    assert batch.shape == (steps, 6, samples, 7)
    share = batch.flatten().bincount(minlength=5) / batch.numel()
    assert (share - 0.2).abs().max() < 5 * math.sqrt(0.2 * 0.8 / batch.numel())
    moves = torch.cat([move.flatten() for _, _, _, layers in seen for move in layers])
    assert abs(float(moves.std()) / 0.3 - 1) < 5 / math.sqrt(2 * len(moves))
    seen.clear()
    SampledTrials(replace(noisy, averaged=True), weights, sample, sample).finish()
    assert all((one == 1 / samples).all() and one.shape == (6, samples) for one, *_ in seen)
    combined = torch.stack(combined)
    close(combined.sum(dim=-1), torch.ones(steps, 6).double(), 1e-12)
    assert (combined == 1).all() == (samples == 1)


def test_steps_follow_the_gradient_and_seeds_are_streams_of_their_own(monkeypatch):
    weights, sample = deep(9, [2, 3, 2], 4)
    both = SampledTrials(BASE, weights, sample, sample).finish()
    alone = SampledTrials(replace(BASE, seeds=(4,)), [layer[2:] for layer in weights], sample, sample).finish()
    for one, other in zip(both.parameters, alone.parameters, strict=True):
        close(one[2:], other)
    plain = replace(BASE, keep_prob=1.0)
    expected = weights
    for _ in range(BASE.steps):
        risk = [
            grad(lambda own: risks(outputs_of([layer[None] for layer in own], sample.inputs[None, None], TANH),
                                   sample.targets).squeeze())([layer[trial] for layer in expected])
            for trial in range(4)
        ]  # fmt: skip
        expected = [layer - 0.1 * torch.stack([parts[index] for parts in risk]) for index, layer in enumerate(expected)]
    for one, other in zip(SampledTrials(plain, weights, sample, sample).finish().parameters, expected, strict=True):
        close(one, other)


class Stopped(Exception):
    pass


@pytest.mark.parametrize(
    "noise", [{}, {"samples": 3}, {"keep_prob": 1.0, "batch_size": 2, "parameter_noise": 0.1}], ids=str
)
def test_an_interrupted_simulation_ends_as_one_that_was_not(noise, tmp_path):
    def stop(step, _, **loss):
        if step == 3:
            raise Stopped

    weights, sample = deep(10, [2, 3, 3, 2], 4)
    weights[0][1] *= 1e200  # a trial that diverges
    weights[2][1] *= 1e200
    noisy = replace(BASE, **noise)
    whole = SampledTrials(noisy, weights, sample, sample).finish()
    path = tmp_path / "state.safetensors"
    with pytest.raises(Stopped):
        SampledTrials(noisy, weights, sample, sample).finish(Checkpoint(path, 0), stop)
    parts = SampledTrials(noisy, weights, sample, sample).finish(Checkpoint(path, 0))
    for one, other in zip(parts.parameters, whole.parameters, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
    assert parts.history.equals(whole.history)
    assert whole.diverged.tolist()[1] >= 1 and [whole.diverged.tolist()[trial] for trial in (0, 2, 3)] == [-1] * 3
    rows = whole.history[whole.history["step"] == 4].set_index("trial")["loss"]
    assert rows.isna().tolist() == [False, True, False, False]
