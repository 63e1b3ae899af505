"""Torch's dropout layers with masks that can be drawn again: the same layers, the same distribution, the same names."""

import pytest
import torch
from scipy import stats
from torch import nn

from dropscape.dropout.convert import with_masked_dropout
from dropscape.dropout.kinds import MaskedAttention
from dropscape.dropout.layers import ExampleDimension, ModuleMasks, dropout_layers, masks_in_force
from dropscape.dropout.probe import probe_dropout
from dropscape.errors import ConfigurationError

MASKS = ModuleMasks(0, "test", "masks")


def passed(model, *given, draw=0, start=0, masks=MASKS):
    with masks_in_force(model, masks, draw, start):
        return model(*given)


def probed(model, *shape, dimension=0):
    """The model with masks of its own, its layers probed on random inputs with the examples in that dimension."""
    masked = with_masked_dropout(model)

    def run(network, n):
        return network(torch.rand(*shape[:dimension], n, *shape[dimension:]))

    return masked, probe_dropout(masked, run)


def test_every_layer_keeps_its_probability_and_every_parameter_its_name():
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.Dropout2d(0.1), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.25, inplace=True),
        nn.Linear(4, 8), nn.AlphaDropout(0.3), nn.Sequential(nn.Dropout(0.0), nn.Linear(8, 2), nn.Dropout(0.4)),
        nn.TransformerEncoderLayer(2, 2, 4, 0.2),
    )  # fmt: skip
    masked = with_masked_dropout(model)
    found = {name: layer.keep_prob for name, layer in dropout_layers(masked).items()}
    inner = ("8.self_attn.attention_dropout", "8.dropout", "8.dropout1", "8.dropout2")
    assert found == {"1": 0.9, "4": 0.75, "6": 0.7, "7.2": 0.6} | dict.fromkeys(inner, 0.8)
    assert type(masked[7][0]) is nn.Dropout, "what drops nothing stays"
    assert list(masked.state_dict()) == list(model.state_dict()) and type(model[1]) is nn.Dropout2d
    assert model[8].self_attn.dropout == 0.2 and type(model[8].self_attn) is nn.MultiheadAttention
    assert type(with_masked_dropout(nn.Dropout(0.5))).__name__ == "MaskedDropout"
    again = with_masked_dropout(masked)
    assert {name: layer.keep_prob for name, layer in dropout_layers(again).items()} == found


@pytest.mark.parametrize("mode", [True, False])
def test_outside_of_masks_in_force_the_copy_is_the_evaluated_model(mode):
    torch.manual_seed(0)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, 0.5, batch_first=True), 2).eval()
    masked, x = with_masked_dropout(model).train(mode), torch.rand(4, 3, 6)
    torch.testing.assert_close(masked(x), model(x), rtol=1e-5, atol=1e-6)
    assert torch.equal(masked(x), masked(x)) and not torch.allclose(passed(masked, x), model(x))


LAYERS = [
    (nn.Dropout(0.4), (3, 2)),
    (nn.Dropout1d(0.4), (3, 2)),
    (nn.Dropout2d(0.4), (3, 2, 2)),
    (nn.Dropout2d(0.4), (3, 2)),
    (nn.Dropout3d(0.4), (3, 2, 1, 2)),
    (nn.AlphaDropout(0.4), (3, 2)),
    (nn.FeatureAlphaDropout(0.4), (3, 2)),
]


@pytest.mark.filterwarnings("ignore:dropout2d")
@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=str)
@pytest.mark.parametrize("inplace", [False, True])
def test_each_kind_has_the_moments_and_the_values_of_torchs(layer, shape, inplace):
    """Of 4,000 examples: the same values occur, and first and second moments agree within their standard errors."""
    n = 4000
    layer.inplace = inplace
    masked, x = with_masked_dropout(nn.Sequential(layer)), torch.rand(shape).double() + 1
    torch.manual_seed(1)
    given = x.expand(n, *shape).contiguous()
    theirs = layer.train()(given.clone()).flatten(1)
    written = passed(masked, given)
    assert (written is given) == inplace
    ours = written.flatten(1)
    places = x.numel()
    values = [torch.tensor([column.unique().tolist() for column in sample.T]) for sample in (ours, theirs)]
    torch.testing.assert_close(values[0], values[1], rtol=1e-6, atol=1e-9)
    assert values[0].shape == (places, 2)
    kept = [(sample > sample.mean(dim=0)).double() for sample in (ours, theirs)]
    pairs = [torch.einsum("ni,nj->ij", one, one) / n for one in kept]
    error = (0.25 * 2 / n) ** 0.5
    assert (pairs[0] - pairs[1]).abs().max() < error * stats.norm.isf(1e-5 / places**2)


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_takes_the_same_masks(layer, shape, dtype):
    layer.inplace = False
    masked, x = with_masked_dropout(nn.Sequential(layer)), torch.rand(50, *shape) + 1
    torch.testing.assert_close(passed(masked, x.to(dtype)).float(), passed(masked, x), rtol=2e-2, atol=2e-2)


def test_an_in_place_layer_overwrites_what_a_residual_sum_adds():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout(0.5, inplace=True)

        def forward(self, x):
            x = x + 1
            return x + self.dropout(x)

    values = passed(with_masked_dropout(Residual()), torch.zeros(100, 3))
    assert set(values.unique().tolist()) == {0.0, 4.0}


@pytest.mark.parametrize(
    ("options", "self_attending"),
    [
        ({}, True),
        ({"batch_first": True}, True),
        ({"bias": False}, True),
        ({"add_bias_kv": True, "add_zero_attn": True}, True),
        ({"kdim": 4, "vdim": 5, "batch_first": True}, False),
    ],
)
def test_attention_that_keeps_all_is_torchs(options, self_attending):
    """With a mask that keeps everything the values and the outputs are put together as torch does."""
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(6, 2, dropout=0.5, **options).double().eval()
    masked = with_masked_dropout(attention)
    assert isinstance(masked, MaskedAttention)

    class KeepsAll:
        shared = True

        def mask(self, draw, layer, keep_prob, start, shape, device):
            return torch.ones(shape, dtype=torch.bool)

    masked.attention_dropout.keep_prob = 1 - 1e-12
    t, s, n = 3, 4, 2
    q, k, v = (torch.rand(length, n, size).double() for length, size in ((t, 6), (s, 4), (s, 5)))
    k, v = (q, q) if self_attending else (k, v)
    padding = torch.zeros(n, len(k), dtype=torch.bool)
    padding[0, -1] = True
    for masks in ({}, {"key_padding_mask": padding}, {"attn_mask": torch.rand(t, len(k)).double()}):
        for need in ({"need_weights": False}, {}, {"average_attn_weights": False}):
            given = [x.transpose(0, 1) if attention.batch_first else x for x in (q, k, v)]
            theirs = attention(*given, **masks, **need)
            with masks_in_force(masked, KeepsAll(), 0, 0):
                ours = masked(*given, **masks, **need)
            assert (ours[1] is None) == (theirs[1] is None)
            for one, other in zip(ours, theirs, strict=True):
                if one is not None:
                    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    single = [x[:, 0] for x in (q, k, v)]
    with masks_in_force(masked, KeepsAll(), 0, 0):
        torch.testing.assert_close(masked(*single)[0], attention(*single)[0], rtol=1e-9, atol=1e-9)


def test_attention_drops_probabilities_as_torch_does():
    """Means and covariances of the outputs of 4,000 passes agree with torch's within their standard errors."""
    torch.manual_seed(0)
    attention, n = nn.MultiheadAttention(4, 2, dropout=0.4, batch_first=True).double().train(), 4000
    masked, x = with_masked_dropout(attention), torch.rand(3, 4).double()
    many = x.expand(n, 3, 4)
    samples = [attention(many, many, many)[0].flatten(1), passed(masked, many, many, many)[0].flatten(1)]
    error = (sum(sample.var(dim=0) for sample in samples) / n).sqrt()
    z = (samples[0].mean(dim=0) - samples[1].mean(dim=0)) / error
    products = [torch.einsum("ni,nj->nij", *[sample - sample.mean(dim=0)] * 2).flatten(1) for sample in samples]
    error = (sum(product.var(dim=0) for product in products) / n).sqrt()
    both = torch.cat([z, (products[0].mean(dim=0) - products[1].mean(dim=0)) / error])
    assert both.abs().max() < stats.norm.isf(0.5e-4 / both.numel()) and samples[1].std(dim=0).min() > 1e-3


def test_fused_inference_of_transformers_does_not_skip_masks():
    layer = nn.TransformerEncoderLayer(8, 2, 8, 0.5, batch_first=True)
    masked = with_masked_dropout(nn.TransformerEncoder(layer, 1)).eval().requires_grad_(False)
    x = torch.rand(5, 4, 8)
    with torch.no_grad():
        assert not torch.allclose(passed(masked, x), masked(x), atol=1e-2)
        assert not torch.allclose(passed(masked, x), passed(masked, x, draw=1), atol=1e-2)
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_layer_in_two_places_draws_twice_and_stays_one():
    shared = nn.Dropout(0.5)
    masked = with_masked_dropout(nn.Sequential(shared, nn.Identity(), shared))
    assert masked[0] is masked[2]
    values = passed(masked, torch.ones(4000, 1))
    assert set(values.unique().tolist()) == {0.0, 4.0}
    assert stats.binomtest(int((values > 0).sum()), 4000, 0.25).pvalue > 1e-4
    assert torch.equal(values, passed(masked, torch.ones(4000, 1)))


class Positions(nn.Module):
    """Embeddings plus positions that all examples share, each dropped; sequences first in between."""

    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.ones(1, 5, 3))
        self.positions_dropout, self.dropout, self.flat_dropout = nn.Dropout(0.5), nn.Dropout(0.4), nn.Dropout(0.3)

    def forward(self, x):
        x = x + self.positions_dropout(self.positions)
        x = self.dropout(x.transpose(0, 1)).transpose(0, 1)
        return self.flat_dropout(x.flatten(0, 1)).unflatten(0, (-1, 5))


def test_masks_belong_to_examples_wherever_those_stand():
    masked, drawn = probed(Positions(), 5, 3)
    layers = dropout_layers(masked)
    assert drawn == ["positions_dropout", "dropout", "flat_dropout"]
    expected = [ExampleDimension(None), ExampleDimension(1), ExampleDimension(0, 5)]
    assert [layers[name].examples for name in drawn] == [(one,) for one in expected]
    x = torch.zeros(9, 5, 3)
    whole = passed(masked, x)
    pieces = [passed(masked, x[start : start + 4], start=start) for start in (0, 4, 8)]
    assert torch.equal(torch.cat(pieces), whole) and whole.unique().numel() > 1
    # What all examples share is one mask, as in a full batch of torch's.
    only = with_masked_dropout(nn.ModuleDict({"a": Positions()}))["a"]
    probe_dropout(only, lambda network, n: network(torch.rand(n, 5, 3)))
    only.dropout.keep_prob = only.flat_dropout.keep_prob = 1.0
    assert torch.equal(*[passed(only, torch.zeros(1, 5, 3), start=start) for start in (0, 7)])


def test_a_shared_mask_is_one_for_all_examples_wherever_those_stand():
    class SequenceFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(4, 2, 6, 0.4)

        def forward(self, x):
            return self.layer(x.transpose(0, 1)).transpose(0, 1)

    masked, drawn = probed(SequenceFirst(), 5, 4)
    layers = dropout_layers(masked)
    assert [layers[name].examples[0].dimension for name in drawn] == [0, 1, 1, 1]
    x = torch.rand(1, 5, 4).expand(9, 5, 4)
    values = passed(masked, x, masks=ModuleMasks(0, "test", "masks", "shared"))
    torch.testing.assert_close(values, values[:1].expand_as(values))
    assert not torch.allclose(values[0, 0], values[0, 1], atol=1e-3)
    assert not torch.allclose(*passed(masked, x)[:2], atol=1e-3)


@pytest.mark.parametrize("wrapper", [nn.DataParallel, torch.compile])
def test_a_wrapped_model_is_converted_inside(wrapper):
    masked = with_masked_dropout(wrapper(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))))
    assert list(dropout_layers(masked)) == ["1"] and list(masked.state_dict()) == ["0.weight", "0.bias"]


def test_a_shared_mask_has_no_meaning_for_rows_within_an_example():
    masked, _ = probed(Positions(), 5, 3)
    with pytest.raises(ConfigurationError, match=r"'flat_dropout' reads 5 rows.*per_example"):
        passed(masked, torch.zeros(9, 5, 3), masks=ModuleMasks(0, "test", "masks", "shared"))


class Functional(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.unused = nn.BatchNorm1d(4)

    def forward(self, x):
        return self.function(self.unused(x), self.training)


def attended(x, training):
    return nn.functional.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None], dropout_p=0.5 * training)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, training: nn.functional.dropout(x, 0.5, training),
        lambda x, training: torch.dropout(x, 0.5, train=training),
        lambda x, training: nn.functional.alpha_dropout(x, 0.5, training),
        attended,
        lambda x, training: x + torch.randn_like(x) if training else x,
    ],
)
def test_dropout_inside_a_forward_is_found_by_running(function):
    model = nn.Sequential(nn.Linear(4, 4), nn.ModuleDict({"inner": Functional(function)})["inner"])
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ConfigurationError, match=r"module '1' \(Functional\).*nn\.Dropout its submodule"):
        probed(model, 4)
    assert torch.equal(torch.get_rng_state(), before), "the caller's generator is left alone"
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_attention_that_a_forward_computes_with_a_layers_parameters_is_found():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, dropout=0.3)

        def forward(self, x):
            one, x = self.attention, x[None]
            given = (one.in_proj_weight, one.in_proj_bias, None, None, False, one.dropout)
            output = (one.out_proj.weight, one.out_proj.bias, self.training)
            return nn.functional.multi_head_attention_forward(x, x, x, 4, 2, *given, *output)[0][0]

    with pytest.raises(ConfigurationError, match=r"\(Own\) draws random numbers in its own forward"):
        probed(Own(), 4)


def test_attention_without_dropout_and_own_layers_pass():
    model = nn.Sequential(Functional(lambda x, training: attended(x, False)[:, 0]), nn.Dropout(0.5), nn.Linear(4, 4))
    assert probed(model, 4)[1] == ["1"]


def test_layers_of_torch_are_sent_to_the_conversion():
    with pytest.raises(ConfigurationError, match=r"'0' \(Dropout\).*with_masked_dropout"):
        probe_dropout(nn.Sequential(nn.Dropout(0.5)), lambda network, n: network(torch.rand(n, 3)))


def test_dropout_where_examples_mix_is_refused():
    class Similarities(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout(0.5)

        def forward(self, x):
            return self.dropout(x @ x.T)

    with pytest.raises(ConfigurationError, match=r"'dropout'.*examples do not mix"):
        probed(Similarities(), 4)


class Derived(nn.Dropout):
    pass


class DerivedAttention(nn.MultiheadAttention):
    pass


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.LSTM(3, 4, 2, dropout=0.3), r"'0' is an nn\.LSTM with dropout 0\.3 between its 2 layers.*nn\.Dropout"),
        (nn.GRU(3, 4, 3, dropout=0.3), r"nn\.GRU"),
        (nn.Dropout(1.0), r"'0' drops everything"),
        (Derived(0.5), r"'0' is a Derived.*nn\.Dropout itself"),
        (DerivedAttention(4, 2, dropout=0.5), r"nn\.MultiheadAttention itself"),
    ],
)
def test_what_cannot_be_converted_is_named(layer, message):
    with pytest.raises(ConfigurationError, match=message):
        with_masked_dropout(nn.Sequential(layer))


@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
def test_what_drops_nothing_is_left_as_it_is():
    layers = nn.LSTM(3, 4, 1, dropout=0.3), nn.GRU(3, 4, 2), nn.MultiheadAttention(4, 2)
    assert not dropout_layers(with_masked_dropout(nn.Sequential(*layers)))


@pytest.mark.parametrize(("layer", "shape"), [(nn.Dropout1d(0.5), (4, 3)), (nn.Dropout3d(0.5), (4, 3, 2, 2))])
def test_inputs_of_which_torch_would_drop_whole_examples_are_refused(layer, shape):
    with pytest.raises(ConfigurationError, match=r"'0' drops channels.*nn\.Dropout there"):
        passed(with_masked_dropout(nn.Sequential(layer)), torch.rand(shape))
