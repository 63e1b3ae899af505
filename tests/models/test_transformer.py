"""The transformer against torch's layers, and what it must not see."""

import math

import pytest
import torch
from torch import nn

from dropscape.dropout.layers import dropout_layers
from dropscape.models.transformer import Transformer, positions

S, T = 5, 6


def network(source_length=S, seed=0, **changes):
    sizes = {"d_model": 8, "d_k": 5, "d_ff": 7, "heads": 2, "layers": 2} | changes
    torch.manual_seed(seed)
    return Transformer(11, 9, source_length, **sizes).double().eval()


def tokens(n=4, seed=0):
    return torch.randint(1, 9, (n, S + T), generator=torch.Generator().manual_seed(seed))


def test_sizes_are_those_of_the_paper():
    """Paper A, App. A: the block of queries is 50 x 80; 4 heads of 20."""
    model = Transformer(1000, 900, 10)
    assert model.decoder[0].self_attention.queries.weight.shape == (80, 50)
    attention, norm, dense = 4 * 50 * 80, 2 * 50, 50 * 256 + 256 + 256 * 50 + 50
    expected = 3 * (attention + dense + 2 * norm) + 3 * (2 * attention + dense + 3 * norm)
    expected += 1000 * 50 + 900 * 50 + 900 * 50 + 900
    assert sum(value.numel() for value in model.parameters()) == expected


def test_logits_are_one_row_a_target_token():
    assert network()(tokens(3)).shape == (3, T, 9)


@pytest.mark.parametrize("position", range(T))
def test_a_token_changes_nothing_before_itself(position):
    model, x = network(), tokens()
    changed = x.clone()
    changed[:, S + position] = x[:, S + position] % 8 + 1
    before, after = model(x), model(changed)
    assert torch.equal(before[:, :position], after[:, :position])
    assert (before[:, position:] - after[:, position:]).abs().amax(dim=(0, 2)).min() > 1e-6, (
        "and everything from there on"
    )


def test_every_source_token_changes_every_output():
    model, x = network(), tokens()
    for position in range(S):
        changed = x.clone()
        changed[:, position] = x[:, position] % 8 + 1
        assert (model(x) - model(changed)).abs().amax(dim=2).min() > 1e-9


def test_padding_of_the_source_changes_nothing():
    short, long = network(), network(S + 3)
    long.load_state_dict(short.state_dict())
    x = tokens()
    padded = torch.cat([x[:, :S], torch.zeros(4, 3, dtype=x.dtype), x[:, S:]], dim=1)
    torch.testing.assert_close(long(padded), short(x), rtol=1e-12, atol=1e-12)


def test_padding_of_the_target_changes_nothing_before_it():
    model, x = network(), tokens()
    padded = torch.cat([x, torch.zeros(4, 3, dtype=x.dtype)], dim=1)
    torch.testing.assert_close(model(padded)[:, :T], model(x), rtol=1e-12, atol=1e-12)


def test_examples_do_not_see_each_other_and_nothing_is_nan():
    model, x = network(), tokens(6)
    x[1, :S] = 0
    x[2, S + 1 :] = 0
    together = model(x)
    torch.testing.assert_close(torch.cat([model(row[None]) for row in x]), together, rtol=1e-12, atol=1e-12)
    assert together.isfinite().all()


def torch_attention(ours):
    """torch's attention with our matrices; it takes no biases, and needs heads x d_k = d_model."""
    theirs = nn.MultiheadAttention(8, ours.heads, bias=False, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.queries.weight, ours.keys.weight, ours.values.weight]))
        theirs.out_proj.weight.copy_(ours.output.weight)
    return theirs


def test_attention_is_torchs():
    ours = network(d_k=4).decoder[0].cross_attention
    theirs = torch_attention(ours)
    x, read = torch.randn(3, T, 8).double(), torch.randn(3, S, 8).double()
    hidden = torch.rand(3, 1, S) < 0.4
    hidden[..., 0] = False
    expected, _ = theirs(x, read, read, key_padding_mask=hidden[:, 0])
    torch.testing.assert_close(ours(x, read, hidden), expected)


def test_an_encoder_and_a_decoder_layer_are_torchs_post_norm_layers():
    model = network(d_k=4)
    encoder = nn.TransformerEncoderLayer(8, 2, 7, dropout=0.0, batch_first=True).double()
    decoder = nn.TransformerDecoderLayer(8, 2, 7, dropout=0.0, batch_first=True).double()
    for theirs, ours, norms in (
        (encoder, model.encoder[0], ("attention", "feed_forward")),
        (decoder, model.decoder[0], ("self_attention", "cross_attention", "feed_forward")),
    ):
        theirs.linear1, theirs.linear2 = ours.feed_forward[0], ours.feed_forward[2]
        for number, name in enumerate(norms, 1):
            norm = getattr(ours, f"{name}_residual").norm
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
            setattr(theirs, f"norm{number}", norm)
    encoder.self_attn = torch_attention(model.encoder[0].attention)
    decoder.self_attn = torch_attention(model.decoder[0].self_attention)
    decoder.multihead_attn = torch_attention(model.decoder[0].cross_attention)
    source, target = torch.randn(3, S, 8).double(), torch.randn(3, T, 8).double()
    padded = torch.zeros(3, S + T, dtype=torch.bool)
    padded[0, S - 2 : S] = padded[1, -1] = True
    state = torch.cat([torch.cat([source, target], dim=1), padded.double()[..., None]], dim=2)
    source = encoder(source, src_key_padding_mask=padded[:, :S])
    state = model.encoder[0](state)
    torch.testing.assert_close(state[:, :S, :-1], source)
    expected = decoder(
        target,
        source,
        tgt_mask=torch.ones(T, T, dtype=torch.bool).triu(1),
        tgt_key_padding_mask=padded[:, S:],
        memory_key_padding_mask=padded[:, :S],
    )
    state = model.decoder[0](state)
    torch.testing.assert_close(state[:, S:, :-1], expected)
    torch.testing.assert_close(state[:, :S, :-1], source)
    assert torch.equal(state[..., -1].bool(), padded)


def test_embeddings_are_scaled_and_positions_added():
    model, x = network(), tokens()
    state = model.embedding(x)
    expected = model.embedding.target.weight[x[:, S + 2]] * math.sqrt(8)
    expected = expected + torch.tensor([math.sin(2), math.cos(2), math.sin(0.2), math.cos(0.2), math.sin(0.02),
                                        math.cos(0.02), math.sin(0.002), math.cos(0.002)])  # fmt: skip
    torch.testing.assert_close(state[:, S + 2, :-1], expected, rtol=1e-6, atol=1e-6)
    assert positions(3, state).shape == (3, 9) and positions(1, state)[0].tolist() == [0, 1] * 4 + [0]


def test_dropout_stands_on_sums_of_embeddings_and_sub_layers_only():
    names = list(dropout_layers(network()))
    encoder = [f"encoder.{i}.{name}_residual.dropout" for i in (0, 1) for name in ("attention", "feed_forward")]
    decoder = [
        f"decoder.{i}.{name}_residual.dropout"
        for i in (0, 1)
        for name in ("self_attention", "cross_attention", "feed_forward")
    ]
    assert names == ["embedding.source_dropout", "embedding.target_dropout", *encoder, *decoder]
