"""Gradients of any module under fresh masks, against masks multiplied by hand and against the sampler of one mask."""

import pytest
import torch
import torch.nn.functional as F

from dropscape.dropout.layers import ModuleMasks, masks_in_force, set_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.models.losses import cross_entropy_per_example, training_loss
from dropscape.models.registry import initialised
from dropscape.sampling.closed_form import closed_form_gradients
from dropscape.sampling.modules import masked_draws, prepared
from tests.training.networks import SENTENCES

FNN = {"name": "fnn", "widths": [6, 5, 4, 3], "activation": "relu"}
RESNET = {"name": "resnet20", "classes": 3, "width": 2, "blocks": 1}
TRANSFORMER = SENTENCES | {"layers": 1}
BLOCKS = [
    (FNN, ("layers.1.weight", "layers.1.bias")),
    (FNN, ("layers.2.weight", "layers.0.bias")),
    (RESNET, ("stage1.0.conv1.weight",)),
    (RESNET, ("output.weight", "output.bias")),
    (TRANSFORMER, ("decoder.0.self_attention.queries.weight",)),
]


def setting(settings, n=11):
    model = initialised(settings, 0).double().eval()
    generator = torch.Generator().manual_seed(0)
    if settings["name"] == "transformer":
        tokens = torch.randint(1, 8, (n, 9), generator=generator)
        return model, tokens, torch.randint(0, 8, (n, 5), generator=generator)
    shape = (n, 6) if settings["name"] == "fnn" else (n, 3, 32, 32)
    inputs = torch.rand(shape, generator=generator).double()
    return model, inputs, torch.randint(3, (n,), generator=generator)


def module_gradients(model, block, inputs, targets, loss, *, keep_prob, **options):
    masked, _ = prepared(model, inputs, keep_prob)
    return torch.stack([row for _, row in masked_draws(masked, block, inputs, targets, loss, **options)])


def by_hand(model, block, inputs, targets, loss, masks, draw):
    """The whole network under the masks, differentiated in one piece."""
    parameters = [model.get_parameter(name) for name in block]
    with masks_in_force(model, masks, draw, 0):
        rows = torch.autograd.grad(loss(model(inputs), targets).mean(), parameters)
    return torch.cat([row.reshape(-1) for row in rows])


@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
@pytest.mark.parametrize(("settings", "block"), BLOCKS, ids=str)
def test_each_row_is_the_gradient_under_the_masks_of_its_draw(settings, block, mask_mode):
    model, inputs, targets = setting(settings)
    loss = training_loss("cross_entropy", targets)
    rows = module_gradients(
        model, block, inputs, targets, loss, keep_prob=0.6, samples=3, seed=4, mask_mode=mask_mode, micro_batch=4
    )
    set_keep_prob(model, 0.6)
    masks = ModuleMasks(4, "sampling", "gradients", mask_mode)
    for draw, row in enumerate(rows):
        expected = by_hand(model, block, inputs, targets, loss, masks, draw)
        torch.testing.assert_close(row, expected, rtol=1e-9, atol=1e-13)
    assert rows.std(dim=0).max() > 1e-4


def test_masks_are_those_that_multiply_the_activations():
    """Without the layers of the library: the masks' bits, multiplied in by hand."""
    model, inputs, targets = setting(FNN)
    block = ("layers.1.weight",)
    row = module_gradients(
        model, block, inputs, targets, cross_entropy_per_example, keep_prob=(0.5, 0.8), samples=1, seed=4
    )[0]
    masks = ModuleMasks(4, "sampling", "gradients")
    first = masks.mask(0, "dropouts.0", 0.5, 0, (11, 5)) / 0.5
    second = masks.mask(0, "dropouts.1", 0.8, 0, (11, 4)) / 0.8
    hidden = model.layers[1](model.layers[0](inputs).relu() * first).relu() * second
    expected = torch.autograd.grad(F.cross_entropy(model.layers[2](hidden), targets), model.layers[1].weight)[0]
    torch.testing.assert_close(row, expected.reshape(-1), rtol=1e-6, atol=1e-9)


def test_mean_and_spread_are_those_of_the_sampler_of_one_mask():
    """Two samples of one distribution: means and standard deviations within five of their standard errors."""
    model, inputs, targets = setting(FNN)
    block, n = ("layers.1.weight",), 1500
    ours = module_gradients(
        model, block, inputs, targets, cross_entropy_per_example, keep_prob=(0.7, 1), samples=n, seed=1
    )
    theirs = closed_form_gradients(model, block, inputs, targets, keep_prob=0.7, dropout_after=1, samples=n, seed=2)
    moving = theirs.std(dim=0) > 1e-9
    assert moving.sum() >= 8 and torch.equal(moving, ours.std(dim=0) > 1e-9)
    ours, theirs = ours[:, moving], theirs[:, moving]
    mean_error = (ours.var(dim=0) / n + theirs.var(dim=0) / n).sqrt()
    assert ((ours.mean(dim=0) - theirs.mean(dim=0)) / mean_error).abs().max() < 5
    squares = [(sample - sample.mean(dim=0)).square() for sample in (ours, theirs)]
    error = (squares[0].var(dim=0) / n + squares[1].var(dim=0) / n).sqrt()
    assert ((squares[0].mean(dim=0) - squares[1].mean(dim=0)) / error).abs().max() < 5


@pytest.mark.parametrize(
    ("settings", "block", "keep_prob", "cached"),
    [
        (FNN, ("layers.1.weight",), (0.5, 1), False),
        (FNN, ("layers.1.weight",), (1, 0.5), True),
        (RESNET, ("stage1.0.conv1.weight",), 0.5, False),
        (TRANSFORMER, ("decoder.0.self_attention.queries.weight",), 0.5, False),
        (TRANSFORMER, ("decoder.0.self_attention.queries.weight",), (1, 1, 1, 1, 0.5, 1, 1), True),
    ],
)
def test_what_stands_before_the_block_is_computed_once_where_no_dropout_acts(settings, block, keep_prob, cached):
    model, inputs, targets = setting(settings)
    first = next(module for module in model.modules() if list(module.parameters(recurse=False)))
    calls = []
    # A copy of the model keeps the hook.
    first.register_forward_hook(lambda *given: calls.append(1))
    loss = training_loss("cross_entropy", targets)
    module_gradients(model, block, inputs, targets, loss, keep_prob=keep_prob, samples=5, seed=0, micro_batch=11)
    seen = "three times to see what layers read and to test the cut, once whether dropout acts there, and once"
    assert (len(calls) <= 8) == cached, seen


def test_batch_norm_reads_the_population_and_the_model_is_left_alone():
    model, inputs, targets = setting(RESNET)
    model.train().requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    block, options = ("conv1.weight",), {"keep_prob": 0.8, "samples": 2, "seed": 0}
    loss = cross_entropy_per_example
    in_training = module_gradients(model, block, inputs, targets, loss, **options)
    assert model.training and not any(value.requires_grad for value in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(in_training, module_gradients(model.eval(), block, inputs, targets, loss, **options))


def test_more_samples_continue_fewer_and_purposes_and_progress():
    model, inputs, targets = setting(FNN)
    calls, block = [], ("layers.0.weight",)
    options = {"keep_prob": 0.5, "seed": 0}
    few = module_gradients(model, block, inputs, targets, cross_entropy_per_example, samples=3, **options)
    many = module_gradients(
        model, block, inputs, targets, cross_entropy_per_example, samples=5,
        progress=lambda *call: calls.append(call), **options,
    )  # fmt: skip
    assert torch.equal(many[:3], few) and calls == [(done, 5) for done in range(1, 6)]
    held_out = module_gradients(
        model, block, inputs, targets, cross_entropy_per_example, samples=3, purpose="held out", **options
    )
    assert not torch.equal(held_out, few)


def test_keeping_everything_is_the_plain_gradient():
    model, inputs, targets = setting(RESNET)
    rows = module_gradients(
        model, ("conv1.weight",), inputs, targets, cross_entropy_per_example, keep_prob=1.0, samples=2, seed=0
    )
    expected = torch.autograd.grad(F.cross_entropy(model(inputs), targets), model.conv1.weight)[0].reshape(-1)
    torch.testing.assert_close(rows, expected.expand(2, -1), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block": ("conv9.weight",)}, r"conv9\.weight"),
        ({"keep_prob": (0.5, 0.5)}, "7 dropout layers"),
        ({"keep_prob": 0.0}, "KEPT"),
        ({"mask_mode": "row"}, "per_example, shared"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    model, inputs, targets = setting(RESNET)
    arguments = {"block": ("conv1.weight",), "keep_prob": 0.5} | change
    with pytest.raises(ConfigurationError, match=message):
        module_gradients(
            model, inputs=inputs, targets=targets, loss=cross_entropy_per_example, samples=1, seed=0, **arguments
        )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_plain_gradient_too():
    model, inputs, targets = setting(RESNET)
    options = {"keep_prob": 1.0, "samples": 1, "seed": 0}
    given = (model, ("conv1.weight",), inputs, targets, cross_entropy_per_example)
    torch.testing.assert_close(module_gradients(*given, device="cuda", **options).cpu(),
                               module_gradients(*given, **options), rtol=1e-9, atol=1e-13)  # fmt: skip
    assert module_gradients(*given, device="cuda", **options | {"keep_prob": 0.5}).device.type == "cuda"
