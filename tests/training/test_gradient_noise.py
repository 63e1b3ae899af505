"""Each kind of gradient noise against its definition, on networks so small that all masks can be enumerated."""

import itertools
from dataclasses import replace

import pytest
import torch

from dropscape.dropout.masks import LayerMasks
from dropscape.models.fnn import FullyConnected
from dropscape.numerics.devices import Budget
from dropscape.training import stacked_networks
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.gradient_noise import GradientNoise
from dropscape.training.stacked_networks import StackedNetworks, initialised
from tests.training.interruptions import Killed, assert_bit_identical, killed_at

KINDS = ("dropout", "isotropic", "rotated", "hessian")
WIDTHS, KEEP, SEEDS, DRAWS = (5, 4, 3, 3), 0.6, (8, 11), 6000
LAYERS = 3


@pytest.fixture(scope="module")
def networks(make_examples):
    """Two networks of larger weights than torch's, so that probabilities differ, on 40 examples."""
    inputs, labels = make_examples(40, d=5)
    parameters = {name: 2.5 * value for name, value in initialised(WIDTHS, "relu", SEEDS).items()}
    return StackedNetworks(parameters, "relu", inputs, labels)


def noise(networks, kind, mask_mode="shared"):
    masks = tuple(
        LayerMasks(KEEP, (len(SEEDS), WIDTHS[1], networks.examples), SEEDS, "training", purpose, mask_mode)
        for purpose in ("masks", "second masks")
    )
    return GradientNoise(kind, networks, masks, 1, SEEDS)


def layers(weights, biases):
    return [torch.cat([w.flatten(1), b.flatten(1)], dim=1).double() for w, b in zip(weights, biases, strict=True)]


@pytest.fixture(scope="module")
def samples(networks):
    """Many draws of each kind: by kind, of each layer (S, draws, P) float64."""
    drawn = {}
    for kind in KINDS:
        source = noise(networks, kind)
        each = [layers(*source.drawn(draw)) for draw in range(DRAWS)]
        drawn[kind] = [torch.stack(one, dim=1) for one in zip(*each, strict=True)]
    return drawn


def second_moments(layer):
    """(S, P, P), the covariance of noise of mean zero."""
    return layer.transpose(1, 2) @ layer / layer.shape[1]


def distance(one, other):
    """The largest relative difference of two matrices of each seed in Frobenius norm."""
    return float(((one - other).flatten(1).norm(dim=1) / other.flatten(1).norm(dim=1)).max())


@pytest.fixture(scope="module")
def dropouts_covariance(networks):
    """Exact, over all masks shared by the examples: of each layer (S, P, P)."""
    means, seconds = [0.0] * LAYERS, [0.0] * LAYERS
    for kept in itertools.product([False, True], repeat=WIDTHS[1]):
        probability = KEEP ** sum(kept) * (1 - KEEP) ** (WIDTHS[1] - sum(kept))
        masks = torch.tensor(kept).expand(len(SEEDS), -1).unsqueeze(-1)
        for index, gradient in enumerate(layers(*networks.gradients(masks, KEEP, 1)[:2])):
            means[index] = means[index] + probability * gradient
            seconds[index] = seconds[index] + probability * gradient[:, :, None] * gradient[:, None]
    return [second - mean[:, :, None] * mean[:, None] for mean, second in zip(means, seconds, strict=True)]


def test_dropouts_noise_has_its_covariance_and_no_mean(samples, dropouts_covariance):
    for drawn, exact in zip(samples["dropout"], dropouts_covariance, strict=True):
        assert distance(second_moments(drawn), exact) < 0.1  # some 1/sqrt(6000) for each of a few directions
        error = (exact.diagonal(dim1=1, dim2=2).sum(1) / DRAWS).sqrt()
        assert bool((drawn.mean(dim=1).norm(dim=1) < 3 * error).all())


@pytest.mark.parametrize("kind", KINDS)
def test_each_layer_has_the_trace_of_dropouts_covariance(kind, samples, dropouts_covariance):
    for drawn, exact in zip(samples[kind], dropouts_covariance, strict=True):
        trace = exact.diagonal(dim1=1, dim2=2).sum(1)
        found = drawn.square().sum(dim=2)
        error = found.std(dim=1) / DRAWS**0.5
        assert bool(((found.mean(dim=1) - trace).abs() < 4 * error).all())


def test_isotropic_noise_has_one_variance_in_a_layer(samples, dropouts_covariance):
    for drawn, exact in zip(samples["isotropic"], dropouts_covariance, strict=True):
        size = exact.shape[1]
        flat = torch.eye(size).double() * exact.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] / size
        assert distance(second_moments(drawn), flat) < 0.15


def test_rotated_noise_has_dropouts_spectrum_and_other_eigenvectors(samples):
    for turned, drawn in zip(samples["rotated"], samples["dropout"], strict=True):
        one, other = second_moments(turned), second_moments(drawn)
        torch.testing.assert_close(torch.linalg.eigvalsh(one), torch.linalg.eigvalsh(other), rtol=1e-4, atol=1e-9)
        assert distance(one, other) > 0.5


def test_hessian_noise_has_the_gauss_newton_matrix_as_covariance(networks, samples):
    """(1/n) sum_i J_i^T (diag(p_i) - p_i p_i^T) J_i by autograd in float64, scaled to the same trace."""
    inputs = torch.cat([chunk.T for _, chunk, _ in networks._chunks]).double()
    seen = networks._seen
    for position in range(len(SEEDS)):
        model = FullyConnected((len(seen), *WIDTHS[1:])).double()
        for layer, weight, bias in zip(model.layers, networks.weights, networks.biases, strict=True):
            kept = weight[position][:, seen] if weight is networks.weights[0] else weight[position]
            layer.weight.data, layer.bias.data = kept.double(), bias[position, :, 0].double()
        for index, layer in enumerate(model.layers):
            total = 0.0
            for example in inputs:
                outputs = model(example[None])[0]
                rows = [torch.autograd.grad(o, [layer.weight, layer.bias], retain_graph=True) for o in outputs]
                jacobian = torch.stack([torch.cat([w.flatten(), b]) for w, b in rows])
                p = outputs.detach().softmax(0)
                total = total + jacobian.T @ (torch.diag(p) - torch.outer(p, p)) @ jacobian
            found = second_moments(samples["hessian"][index])[position]
            assert distance((found / found.trace())[None], (total / total.trace())[None]) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_training_has_the_same_bits(kind, descent, trained_on, tmp_path):
    config = descent(noise=kind, trajectory_steps=0)
    whole, checkpoint = trained_on(config), Checkpoint(tmp_path / "state.safetensors", 0)
    with pytest.raises(Killed):
        trained_on(config, checkpoint=checkpoint, progress=killed_at(5))
    assert_bit_identical(trained_on(config, checkpoint=checkpoint), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_has_the_noise_that_it_has_alone_whatever_the_chunks(kind, descent, trained_on, monkeypatch):
    config = descent(noise=kind, trajectory_steps=0, mask_mode="shared")
    together = trained_on(config)
    monkeypatch.setattr(stacked_networks, "CHUNK", Budget(4, 0))
    alone = trained_on(replace(config, seeds=config.seeds[1:]))
    for name, value in alone.parameters.items():
        torch.testing.assert_close(value[0], together.parameters[name][1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_changes_the_descent_but_no_weight_of_a_pixel_that_is_always_zero(kind, descent, trained_on):
    noisy = trained_on(descent(noise=kind, trajectory_steps=0))
    quiet = trained_on(descent(keep_prob=1.0, trajectory_steps=0))
    start = initialised(noisy_widths := descent().widths, "relu", descent().seeds)["layers.0.weight"]
    moved, without = (one.parameters["layers.0.weight"] for one in (noisy, quiet))
    assert torch.equal(moved[:, :, [0, noisy_widths[0] - 1]], start[:, :, [0, noisy_widths[0] - 1]])
    assert float((moved - without).abs().max()) > 1e-4
    first = noisy.history["step"] == 4
    assert (noisy.history.loc[first, "objective"] - quiet.history.loc[first, "objective"]).abs().max() > 0


def test_a_noisy_training_meets_the_masks_of_dropout(networks, descent, trained_on):
    """Its first draw of a step is that of a training with dropout, so that both are paired."""
    masks = noise(networks, "dropout")._masks
    ours = LayerMasks(KEEP, (len(SEEDS), WIDTHS[1], networks.examples), SEEDS, "training", "masks", "shared")
    assert torch.equal(masks[0].mask(7), ours.mask(7))
    assert not all(torch.equal(masks[0].mask(draw), masks[1].mask(draw)) for draw in range(5))
