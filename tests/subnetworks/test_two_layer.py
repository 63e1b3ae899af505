"""Algorithm 1: every step against autograd in float64, what is measured against the definitions, and interruptions."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from dropscape.errors import ConfigurationError
from dropscape.subnetworks.distributions import Caps
from dropscape.subnetworks.streams import EpochStream, FreshStream
from dropscape.subnetworks.two_layer import (
    LEMMAS,
    MULTIPLES,
    Algorithm1Run,
    Algorithm1Training,
    initial_weights,
    running_mean,
    step_mask,
)
from dropscape.training import pace
from dropscape.training.checkpoint import Checkpoint
from tests.training.interruptions import Killed, killed_at

FREE, TIGHT = 100.0, 2.4
BASE = Algorithm1Training(
    width=45,
    keep_probs=(0.5, 1.0),
    max_norms=(FREE, FREE),
    seeds=(0, 7),
    learning_rate=0.6,
    steps=60,
    recorded=(0, 1, 17, 60),
)


def sparse(n=23, d=11, seed=3):
    """Passes over examples many of whose entries are zero, some in all of them, as in images; and one that is zero."""
    rng = np.random.default_rng(seed)
    halves = []
    for count in (n, 37):
        x = rng.standard_normal((count, d)) * (rng.random((count, d)) < 0.6)
        x[:, [0, 4]] = 0
        x[0] = 0
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
        halves.append((x.astype(np.float32), np.sign(rng.standard_normal(count)).astype(np.float32)))
    return EpochStream(*halves)


STREAMS = {"fresh": FreshStream(Caps(6, 0.2), 50), "sparse": sparse()}


def train(config, stream, **options):
    """The run, with its weights, and what it measured."""
    run = Algorithm1Run(config, stream)
    table = run.finish(**options)
    weights = run.theta[..., : config.width].swapaxes(2, 3)  # (keep probabilities, seeds, m, d)
    return SimpleNamespace(weights=weights, table=table)


def step_example(stream, seed, step):
    number, position = divmod(step, stream.size)
    inputs, labels, order = stream.chunk(seed, number)
    return torch.tensor(inputs[order[position]], dtype=torch.float64), float(labels[order[position]])


def iterates(config, stream, point, seed, *, inverted=False):
    """Algorithm 1 as it is written, by autograd in float64: W_1 to W_T, and after which step the projection
    first moved a row, 0 for never.

    ``inverted`` has the mask divided by q instead of the weights multiplied by it, q W_1 for W_1, the rate q^2 eta and
    the ball q c.
    """
    q, c = config.keep_probs[point], config.max_norms[point]
    weights, signs = initial_weights(config.width, stream.dimension, seed)
    a, w = torch.tensor(signs, dtype=torch.float64), torch.tensor(weights, dtype=torch.float64)
    scale, rate = (1 / q, config.learning_rate * q**2) if inverted else (1.0, config.learning_rate)
    if inverted:
        w, c = q * w, q * c
    course, moved = [w], torch.zeros(config.width, dtype=torch.int64)
    for step in range(config.steps):
        x, y = step_example(stream, seed, step)
        kept = torch.tensor(step_mask(config.width, q, seed, step), dtype=torch.float64)
        w = w.detach().requires_grad_()
        output = scale * (a * kept) @ torch.relu(w @ x) / config.width**0.5
        (gradient,) = torch.autograd.grad(torch.nn.functional.softplus(-y * output), w)
        w = (w - rate * gradient).detach()
        sizes = w.norm(dim=1, keepdim=True)
        moved[(sizes > c).flatten() & (moved == 0)] = step + 1
        w = torch.where(sizes > c, w * c / sizes, w)
        course.append(w)
    return course, moved


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("c", [FREE, TIGHT])
def test_the_steps_are_those_of_the_algorithm(stream, c):
    """Also where many rows start outside the ball and others reach it."""
    config, stream = replace(BASE, max_norms=(c, c)), STREAMS[stream]
    trained = train(config, stream)
    table = trained.table.set_index(["keep_prob", "seed", "step"])
    for point, keep_prob in enumerate(config.keep_probs):
        for index, seed in enumerate(config.seeds):
            course, moved = iterates(config, stream, point, seed)
            np.testing.assert_allclose(trained.weights[point, index], course[-1], rtol=0, atol=3e-5)
            for step in config.recorded:
                row, distance = table.loc[keep_prob, seed, step], (course[step] - course[0]).norm(dim=1)
                assert row["largest"] == pytest.approx(float(distance.max()), abs=2e-5)
                assert row["mean"] == pytest.approx(float(distance.mean()), abs=2e-5)
                assert row["largest_norm"] == pytest.approx(float(course[step].norm(dim=1).max()), rel=1e-5)
            assert table.loc[keep_prob, seed, config.steps]["projected"] == (moved > 0).sum()
            assert (c == TIGHT) == bool(moved.any())
    assert set(table["bound"]) == {c}


def test_rows_reach_the_ball_late():
    """Also between two exact measurements of all norms, which are at steps 0 and 1024."""
    config = replace(
        BASE, keep_probs=(0.7,), max_norms=(5.5,), seeds=(1,), learning_rate=3.0, steps=1500, recorded=(1500,)
    )
    stream = STREAMS["sparse"]
    trained = train(config, stream)
    course, moved = iterates(config, stream, 0, 1)
    assert (moved == 0).any() and ((moved > 100) & (moved < 1000)).any() and (moved > 1050).any()
    assert trained.table["projected"].item() == (moved > 0).sum()
    np.testing.assert_allclose(trained.weights[0, 0], course[-1], rtol=0, atol=3e-5)
    assert trained.table["largest_norm"].item() <= 5.5 * (1 + 1e-6)


@pytest.mark.parametrize("c", [FREE, TIGHT])
def test_inverted_dropout_is_the_same_algorithm(c):
    """Its weights are q W_t, those of test time, and its sub-networks compute what g(W_t; x, B_t) does."""
    config, stream = replace(BASE, max_norms=(c, c)), STREAMS["fresh"]
    trained = train(config, stream)
    course, _ = iterates(config, stream, 0, 7, inverted=True)
    np.testing.assert_allclose(0.5 * trained.weights[0, 1], course[-1], rtol=0, atol=2e-5)


def test_only_active_neurons_move():
    config, stream = replace(BASE, steps=1, recorded=(1,)), STREAMS["fresh"]
    trained = train(config, stream)
    for point, keep_prob in enumerate(config.keep_probs):
        weights, signs = initial_weights(config.width, stream.dimension, 7)
        x, y = step_example(stream, 7, 0)
        moved = trained.weights[point, 1] - weights
        active = step_mask(config.width, keep_prob, 7, 0) & (weights @ x.numpy() > 0)
        assert 0 < active.sum() < config.width
        np.testing.assert_array_equal(moved[~active], 0)
        # Along a_r y x, all by the same length: only that of the logistic loss's derivative is common to them.
        lengths = moved[active] @ x.numpy() * signs[active] * y
        assert (lengths > 0).all()
        np.testing.assert_allclose(lengths, lengths[0], rtol=1e-4)


@pytest.mark.parametrize("stream", STREAMS)
def test_errors_are_shares_of_the_test_examples(stream):
    stream = STREAMS[stream]
    errors = train(BASE, stream).table.set_index(["keep_prob", "seed", "step"])
    x, y = (torch.tensor(values, dtype=torch.float64) for values in stream.test)
    for point, keep_prob in enumerate(BASE.keep_probs):
        for seed in BASE.seeds:
            course, _ = iterates(BASE, stream, point, seed)
            _, signs = initial_weights(BASE.width, stream.dimension, seed)
            rows = errors.loc[keep_prob, seed]
            for step in BASE.recorded:
                hidden = torch.relu(x @ course[step].T)
                mask = step_mask(BASE.width, keep_prob, seed, step)
                full = y * (hidden @ torch.tensor(signs, dtype=torch.float64))
                visited = y * (hidden @ torch.tensor(signs * mask, dtype=torch.float64))
                assert rows["error_full"][step] == pytest.approx(float((full < 0).double().mean()))
                assert rows["error_visited"][step] == pytest.approx(float((visited < 0).double().mean()))
                assert rows["active_width"][step] == mask.sum()
                losses = rows.loc[step, ["loss_full", "loss_small", "loss_visited"]]
                margins = (keep_prob * full, keep_prob**2 * full, visited)
                for loss, margin in zip(losses, margins, strict=True):
                    mean = torch.nn.functional.softplus(-margin / BASE.width**0.5).mean()
                    assert loss == pytest.approx(float(mean), abs=1e-5)
                active, before = (x[:100] @ course[at].T > 0 for at in (step, 0))
                assert rows["flipped"][step] == pytest.approx(float((active != before).double().mean()), abs=2e-3)
            for kind in ("full", "visited"):
                means = running_mean(BASE.recorded, rows[f"error_{kind}"])
                np.testing.assert_allclose(rows[f"mean_error_{kind}"], means)
    assert errors["active_width"][1.0].eq(BASE.width).all()


def test_what_the_lemmas_are_about_is_summed_up_over_every_step():
    """Against autograd in float64: the network linearised at each iterate, and the competitors in the ball."""
    config, distribution = replace(BASE, max_norms=(5.0, 5.0)), Caps(6, 0.2)
    stream = FreshStream(distribution, 50)
    table = train(config, stream).table.set_index(["keep_prob", "seed", "step"])
    assert table.xs(0, level="step")[LEMMAS].isna().all(axis=None)
    multiples, q, seed = torch.tensor(MULTIPLES, dtype=torch.float64), 0.5, 7
    course, _ = iterates(config, stream, 0, seed)
    weights, signs = initial_weights(config.width, 6, seed)
    a = torch.tensor(signs, dtype=torch.float64)
    first = torch.tensor(weights, dtype=torch.float64)
    v = a[:, None] * torch.tensor(distribution.competitor(weights.astype(float))) / config.width**0.5
    losses, linearised, margins = [], [], []
    for step in range(config.steps):
        x, y = step_example(stream, seed, step)
        kept = torch.tensor(step_mask(config.width, q, seed, step), dtype=torch.float64)

        def gradient(w, x=x, kept=kept):
            w = w.detach().requires_grad_()
            output = (a * kept) @ torch.relu(w @ x) / config.width**0.5
            return torch.autograd.grad(output, w)[0]

        now = course[step]
        losses.append(float(torch.nn.functional.softplus(-y * (gradient(now) * now).sum())))
        of_start, of_v = (gradient(now) * first).sum(), (gradient(now) * v).sum()
        linearised.append(torch.nn.functional.softplus(-y * (of_start + multiples * of_v)))
        margins.append(float(y * (gradient(first) * v).sum()))
    linearised = torch.stack(linearised)
    inside = torch.stack([(first + one * v).norm(dim=1).max() <= 5.0 for one in multiples])
    assert 2 <= inside.sum() < len(multiples)
    for step in (1, 17, 60):
        row, means = table.loc[q, seed, step], 2 * linearised[:step].mean(dim=0)
        distances = multiples**2 * v.square().sum() / (config.learning_rate * step)
        assert row["mean_loss"] == pytest.approx(np.mean(losses[:step]), abs=1e-5)
        assert row["loss_bound"] == pytest.approx(float((means + distances)[inside].min()), abs=1e-4)
        assert row["competitors_loss"] == pytest.approx(float(means[inside].min()), abs=1e-4)
        assert row["largest_linearised"] == pytest.approx(float(linearised[:step, inside].max()), abs=1e-4)
        assert row["smallest_margin"] == pytest.approx(min(margins[:step]), abs=1e-5)
        assert row["largest_margin"] == pytest.approx(max(margins[:step]), abs=1e-5)


def test_a_running_mean_is_that_of_every_step():
    """Against the mean of the values that are interpolated one by one."""
    steps, values = [0, 1, 2, 5, 11, 30], [1.0, 0.5, 0.8, 0.2, 0.0, 0.6]
    everywhere = np.interp(np.arange(31), steps, values)
    expected = [everywhere[: step + 1].mean() for step in steps]
    np.testing.assert_allclose(running_mean(steps, values), expected, rtol=1e-12)


def test_masks_are_bernoulli_and_independent():
    drawn = np.array([step_mask(200, 0.3, seed, step) for seed in range(2) for step in range(500)], float)
    assert drawn.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / drawn.size))
    centred = drawn - 0.3
    for first, second in (
        (centred[:-1], centred[1:]),
        (centred[:, :-1], centred[:, 1:]),
        (centred[:500], centred[500:]),
    ):
        assert abs((first * second).mean()) < 4 * 0.21 / np.sqrt(first.size)
    assert step_mask(50, 1.0, 0, 3).all()


def test_a_narrow_network_starts_as_the_first_neurons_of_a_wide_one():
    narrow, wide = initial_weights(10, 6, 4), initial_weights(300, 6, 4)
    for few, many in zip(narrow, wide, strict=True):
        np.testing.assert_array_equal(few, many[:10])
    assert abs(wide[1].mean()) < 4 / np.sqrt(300) and set(wide[1]) == {-1, 1}
    assert wide[0].std() == pytest.approx(1, abs=4 / np.sqrt(2 * wide[0].size))


@pytest.mark.parametrize("stream, steps", [("fresh", 4500), ("sparse", 400)])
def test_an_interrupted_training_ends_bit_identical(tmp_path, monkeypatch, stream, steps):
    """Fresh examples, beyond the first chunk of the stream; and several passes."""
    monkeypatch.setattr(pace, "SECONDS", 1e-3)  # so that there is something to interrupt
    stream, config = STREAMS[stream], replace(BASE, max_norms=(TIGHT, 3.0), steps=steps, recorded=(0, 40, 390, steps))
    whole = train(config, stream)
    path = tmp_path / "state.safetensors"
    reached: list[int] = []

    def interrupt_after(limit):
        def progress(done, steps, **values):
            reached.append(done)
            killed_at(limit)(done, steps)

        return progress

    for limit in (1, 150, steps - 1):
        with pytest.raises(Killed):
            train(config, stream, checkpoint=Checkpoint(path, 0), progress=interrupt_after(limit))
    resumed = train(config, stream, checkpoint=Checkpoint(path, 0))
    assert len(set(reached)) > 5
    np.testing.assert_array_equal(resumed.weights, whole.weights)
    pd.testing.assert_frame_equal(resumed.table, whole.table)


def test_threads_and_companions_change_nothing():
    stream, threads = STREAMS["fresh"], torch.get_num_threads()
    together = train(BASE, stream)
    alone = train(replace(BASE, keep_probs=(1.0,), max_norms=(FREE,), seeds=(7,)), stream)
    np.testing.assert_array_equal(alone.weights[0, 0], together.weights[1, 1])
    torch.set_num_threads(2)
    try:
        np.testing.assert_array_equal(train(BASE, stream).weights, together.weights)
    finally:
        torch.set_num_threads(threads)


def test_a_keep_probability_of_zero_is_refused():
    with pytest.raises(ConfigurationError, match="keep_prob is 0"):
        replace(BASE, keep_probs=(0.0, 1.0))
