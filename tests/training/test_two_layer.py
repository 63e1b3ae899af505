"""Compiled training of two-layer networks: against float64 autograd and every mask, and however often interrupted."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from numba.core.registry import cpu_target
from scipy import stats

from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.initial import normal_initialised
from dropscape.training import two_layer, two_layer_kernel
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.roads import COMPILED
from dropscape.training.stacked import initialised
from dropscape.training.two_layer import NAMES, TwoLayer, examples_of_step, masks_of_step, measured, train

BASE = TwoLayer(
    widths=(1, 37, 1),  # not a multiple of the lanes
    activation="tanh",
    block=("layers.0.weight", "layers.1.weight"),
    keep_prob=0.7,
    mask_mode="per_example",
    learning_rate=0.05,
    steps=12,
    trajectory_steps=5,
    recorded=(0, 1, 6, 12),
    history=(0, 4, 8, 12),
    seeds=(0, 7),
    initial_scale=(0.7, 0.5),
)


def plan_of(**changes):
    return replace(BASE, **changes)


def short(steps, **changes):
    """A plan that records its beginning and its end."""
    return plan_of(steps=steps, trajectory_steps=0, recorded=(0, steps), history=(0, steps), **changes)


def data(plan, n=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    d, _, k = plan.widths
    return torch.randn(n, d, generator=generator), torch.randn(n, k, generator=generator)


def trained(plan, n=8, **options):
    return train(plan, *data(plan, n), *data(plan, 5, seed=2), **options)


def of_seed(tensors, index):
    return {name: value[index] for name, value in tensors.items()}


def objective(plan, parameters, x, y, mask):
    """What a step descends, written out (paper B, eq. 2, 4 and 7)."""
    first, bias, last, output_bias = parameters
    z = x @ first.T + bias
    h = torch.tanh(z) if plan.activation == "tanh" else torch.relu(z)
    f = (h * mask / plan.keep_prob if plan.objective == "dropout" else h) @ last.T + output_bias
    risk = (f - y).square().sum() / (2 * len(x))
    if plan.objective != "risk_plus_r1":
        return risk
    p = plan.keep_prob
    outgoing = last.T[:, None, :] * h.T[:, :, None]  # W_j f_j(x_i), (m, n, k)
    return risk + (1 - p) / (2 * len(x) * p) * outgoing.square().sum()


def by_autograd(plan, start, seed, x, y):
    """Every step in float64 by torch's autograd and optimisers, with the same masks and examples."""
    parameters = [start[name].double().requires_grad_() for name in NAMES]
    moved = parameters if plan.output_bias else parameters[:3]
    make = torch.optim.Adam if plan.optimizer == "adam" else torch.optim.SGD
    optimizer = make(moved, lr=plan.learning_rate)
    for step in range(plan.steps):
        chosen = examples_of_step(plan, seed, step, len(x))
        mask = masks_of_step(plan, seed, step, len(chosen)).T.double()
        optimizer.zero_grad()
        loss = objective(plan, parameters, x[chosen].double(), y[chosen].double(), mask)
        loss.backward()
        optimizer.step()
    return dict(zip(NAMES, (parameter.detach() for parameter in parameters), strict=True)), loss.item()


def assert_is_autograd(plan, tolerance):
    """The parameters differ by ``tolerance`` of their norm, and the objective of the last step by little more."""
    ours = trained(plan)
    for index, seed in enumerate(plan.seeds):
        start = of_seed({name: value[:, 0] for name, value in ours.snapshots.items()}, index)
        expected, loss = by_autograd(plan, start, seed, *data(plan))
        error = {name: ours.parameters[name][index].double() - value for name, value in expected.items()}
        assert _norm(error) <= tolerance * _norm(expected)
        row = ours.history[(ours.history["seed"] == seed) & (ours.history["step"] == plan.steps)].iloc[0]
        assert row["objective"] == pytest.approx(loss, rel=20 * tolerance)


def _norm(tensors):
    return math.sqrt(sum(float(value.square().sum()) for value in tensors.values()))


EVERY = tuple(
    itertools.product(("tanh", "relu"), COMPILED["objective"], COMPILED["optimizer"], ("per_example", "shared"))
)


@pytest.mark.parametrize(("activation", "objective", "optimizer", "mask_mode"), EVERY)
@pytest.mark.parametrize(("steps", "tolerance"), [(1, 6e-8), (300, 1e-6)])
def test_steps_are_those_of_autograd(steps, tolerance, activation, objective, optimizer, mask_mode):
    """One step rounds the parameters once; 300 differ by no more than torch's own do in float32."""
    learning_rate = {"gd": 0.03, "adam": 1e-3}[optimizer]
    changes = {"activation": activation, "objective": objective, "optimizer": optimizer, "mask_mode": mask_mode}
    assert_is_autograd(short(steps, learning_rate=learning_rate, **changes), tolerance)


SHAPES = ((1, 37, 3), (2, 32, 1), (3, 33, 2), (6, 5, 1), (9, 70, 5))


@pytest.mark.parametrize("objective", COMPILED["objective"])
@pytest.mark.parametrize("widths", SHAPES)
@pytest.mark.parametrize(("batch_size", "output_bias"), [(None, False), (1, True), (3, True), (8, True)])
def test_any_number_of_inputs_outputs_and_examples(widths, batch_size, output_bias, objective):
    changes = {"widths": widths, "objective": objective, "batch_size": batch_size, "output_bias": output_bias}
    for optimizer, learning_rate in (("gd", 0.02), ("adam", 1e-3)):
        plan = short(20, optimizer=optimizer, learning_rate=learning_rate, initial_scale=(0.4, 0.3), **changes)
        assert_is_autograd(plan, 3e-7)


def test_without_dropout_nothing_is_drawn():
    """Keep probability 1: dropout and the risk are the same bits, and R_1 is nothing."""
    ends = [trained(short(20, keep_prob=1.0, objective=name)) for name in COMPILED["objective"]]
    for name in NAMES:
        assert torch.equal(ends[0].parameters[name], ends[1].parameters[name])
        assert torch.equal(ends[1].parameters[name], ends[2].parameters[name])
    assert (ends[2].history["r1"] == 0).all()
    assert masks_of_step(short(20, keep_prob=1.0), 0, 3, 8).all()


def enumerated(plan, parameters, x, y):
    """E R_S^drop over every mask with its probability, and R_S, in float64."""
    m, n = plan.widths[1], len(x)
    parameters = [parameters[name].double() for name in NAMES]
    plan = replace(plan, objective="dropout")
    columns = 1 if plan.mask_mode == "shared" else n
    mean = 0.0
    for bits in itertools.product((0.0, 1.0), repeat=m * columns):
        mask = torch.tensor(bits, dtype=torch.float64).view(columns, m)
        kept = sum(bits)
        probability = plan.keep_prob**kept * (1 - plan.keep_prob) ** (len(bits) - kept)
        mean += probability * float(objective(plan, parameters, x.double(), y.double(), mask))
    risk = objective(replace(plan, objective="risk"), parameters, x.double(), y.double(), None)
    return mean, float(risk)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize(("mask_mode", "m", "n"), [("per_example", 4, 3), ("shared", 10, 3)])
def test_lemma_1_by_every_mask(mask_mode, m, n, k, activation):
    """E R_S^drop = R_S + R_1 (paper B, Lemma 1): what is measured, and what ``risk_plus_r1`` descends."""
    plan = short(1, widths=(2, m, k), activation=activation, mask_mode=mask_mode, objective="risk_plus_r1", seeds=(3,))
    ours = trained(plan, n)
    start = of_seed({name: value[:, 0] for name, value in ours.snapshots.items()}, 0)
    mean, risk = enumerated(plan, start, *data(plan, n))
    row = ours.history.iloc[0]
    assert row["loss"] == pytest.approx(risk, rel=1e-12)
    assert row["r1"] == pytest.approx(mean - risk, rel=1e-9)
    assert ours.history.iloc[1]["objective"] == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
def test_lemma_1_by_the_masks_of_a_training(mask_mode):
    """Standing still, the mean of what the steps descend is R_S + R_1 to within its sampling error."""
    steps = 20_000
    plan = plan_of(
        steps=steps, trajectory_steps=0, recorded=(0,), history=(0, steps), mask_mode=mask_mode, learning_rate=0.0
    )
    run = two_layer._Run(plan, None, data(plan), data(plan))
    run.record()
    values = []
    for step in range(1, steps + 1):
        values.append([run._descend(index, step)[1] for index in range(len(plan.seeds))])
        run.step = step
    values = np.array(values)
    for index, own in enumerate(values.T):
        parameters = {name: value.double() for name, value in of_seed(run.parameters(), index).items()}
        risk, r1, _ = measured(parameters, plan, *data(plan))
        error = own.std() / math.sqrt(steps)
        assert abs(own.mean() - (risk + r1)) < 4 * error
        assert r1 > 20 * error, "or the sum could not be told from the risk"


@pytest.mark.parametrize("keep_prob", [1e-5, 0.1, 0.5, 0.9, 1 - 1e-5])
@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
def test_masks_keep_with_the_probability(mask_mode, keep_prob):
    plan = plan_of(keep_prob=keep_prob, mask_mode=mask_mode, widths=(1, 1000, 1))
    masks = [masks_of_step(plan, 5, step, 6) for step in range(1000)]
    assert {tuple(mask.shape) for mask in masks} == {(1000, 1 if mask_mode == "shared" else 6)}
    kept, total = sum(int(mask.sum()) for mask in masks), sum(mask.numel() for mask in masks)
    assert stats.binomtest(kept, total, keep_prob).pvalue > 1e-4


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
def test_masks_are_uncorrelated_across_units_examples_steps_and_seeds(mask_mode, keep_prob):
    """Correlations of n independent pairs are near to normal with standard deviation 1/sqrt(n)."""
    plan, steps = plan_of(keep_prob=keep_prob, mask_mode=mask_mode, widths=(1, 40, 1)), 6000
    one, other = (
        (np.stack([masks_of_step(plan, seed, step, 6).flatten().numpy() for step in range(steps)]) - keep_prob)
        / math.sqrt(keep_prob * (1 - keep_prob))
        for seed in (5, 6)
    )
    between = {
        "units and examples": (one.T @ one)[np.triu_indices(one.shape[1], 1)],
        "successive steps": (one[1:].T @ one[:-1]).ravel(),
        "seeds": (one.T @ other).ravel(),
    }
    for name, sums in between.items():
        scaled = sums / math.sqrt(steps)
        assert abs(scaled.mean()) * math.sqrt(scaled.size) < 4.5, name
        assert abs(np.square(scaled).mean() - 1) < 0.15, name
        assert np.abs(scaled).max() < 6, name


def test_masks_of_a_step_never_come_again():
    plan = plan_of(widths=(1, 64, 1))
    seen = {masks_of_step(plan, 0, step, 4).numpy().tobytes() for step in (*range(3000), *range(10**9, 10**9 + 3000))}
    assert len(seen) == 6000


def test_every_epoch_takes_each_example_at_most_once_in_an_order_of_its_own():
    plan = plan_of(batch_size=3)
    orders = []
    for epoch in range(50):
        batches = [examples_of_step(plan, 0, 2 * epoch + position, 8).tolist() for position in range(2)]
        taken = batches[0] + batches[1]
        assert len(set(taken)) == 6
        assert set(taken) <= set(range(8))
        orders.append(tuple(taken))
    assert len(set(orders)) > 45
    assert len({tuple(examples_of_step(plan, seed, 0, 8).tolist()) for seed in range(20)}) > 10
    assert examples_of_step(plan_of(), 0, 5, 8).tolist() == list(range(8))
    assert examples_of_step(plan_of(batch_size=8), 0, 5, 8).tolist() == list(range(8))


def test_a_tiny_loss_has_meaning():
    """Far below 1e-7 the objective that the float32 steps see is still R_S of the parameters, in float64."""
    history = (0, 4000, 8000, 8001)
    plan = plan_of(
        widths=(1, 1000, 1), objective="risk", optimizer="adam", learning_rate=1e-4, steps=8001, trajectory_steps=0,
        recorded=(8001,), history=history, initial_scale=(1.0, 0.05), seeds=(0,),
    )  # fmt: skip
    x = torch.linspace(-2, 2, 6)[:, None]
    rows = train(plan, x, torch.sin(2 * x), x, torch.sin(2 * x)).history.set_index("step")
    assert rows["loss"][8000] < 1e-9
    assert rows["objective"][8001] == pytest.approx(rows["loss"][8000], rel=0.05)


class Killed(Exception):
    """Stands for kill -9: nothing after it runs."""


def killed_at(step):
    def progress(done, total, **values):
        if done >= step:
            raise Killed

    return progress


def assert_bit_identical(one, two):
    assert (one.trajectory is None) == (two.trajectory is None)
    assert one.trajectory is None or torch.equal(one.trajectory, two.trajectory)
    for kept in ("parameters", "snapshots"):
        first, second = getattr(one, kept), getattr(two, kept)
        assert set(first) == set(second) == set(NAMES)
        for name in first:
            assert torch.equal(first[name], second[name]), (kept, name)
    pd.testing.assert_frame_equal(one.history, two.history, check_exact=True)


VARIANTS = (
    {},
    {"optimizer": "adam", "learning_rate": 1e-3, "batch_size": 3},
    {"mask_mode": "shared", "widths": (3, 20, 2), "batch_size": 1},
    {"objective": "risk_plus_r1", "optimizer": "adam", "trajectory_steps": 0, "output_bias": False},
)


@pytest.mark.parametrize("changes", VARIANTS)
def test_how_often_the_compiled_function_returns_changes_nothing(changes, monkeypatch):
    plan = plan_of(steps=60, recorded=(0, 60), history=(0, 60), **changes)
    once = []
    expected = trained(plan, progress=lambda done, *_, **__: once.append(done))
    monkeypatch.setattr(two_layer, "SECONDS", 0.0)
    often = []
    assert_bit_identical(trained(plan, progress=lambda done, *_, **__: often.append(done)), expected)
    assert often == list(range(1, 61))
    assert len(once) < 60 if plan.trajectory_steps == 0 else once[-1] == 60


@pytest.mark.parametrize("changes", VARIANTS)
@pytest.mark.parametrize("step", [1, 2, 5, 7, 8, 12])
def test_an_interrupted_training_ends_bit_identical(step, changes, tmp_path, monkeypatch):
    plan = plan_of(**changes)
    expected = trained(plan)
    monkeypatch.setattr(two_layer, "SECONDS", 0.0)
    path = tmp_path / "state.safetensors"
    with pytest.raises(Killed):
        trained(plan, checkpoint=Checkpoint(path, 0), progress=killed_at(step))
    assert path.exists() == (step > 1)
    taken = []
    again = trained(plan, checkpoint=Checkpoint(path, 1e9), progress=lambda done, *_, **__: taken.append(done))
    assert taken == list(range(step, 13)), "only what was missing is done"
    assert_bit_identical(again, expected)


def test_a_finished_state_gives_the_result_again_without_a_step(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state.safetensors", 1e9)
    first = trained(plan_of(), checkpoint=checkpoint)
    assert_bit_identical(first, trained(plan_of(), checkpoint=checkpoint, progress=killed_at(1)))


def test_a_seed_is_trained_alike_whatever_is_trained_with_it_and_on_any_number_of_threads():
    plan = plan_of(seeds=(0, 7, 3))
    together = trained(plan)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert_bit_identical(trained(plan), together)
    finally:
        torch.set_num_threads(before)
    alone = trained(plan_of(seeds=(3,)))
    for name in NAMES:
        assert torch.equal(alone.parameters[name][0], together.parameters[name][2])


def test_snapshots_trajectory_and_history_are_of_their_steps():
    plan = plan_of(recorded=tuple(range(13)), history=tuple(range(13)))
    ours = trained(plan)
    assert ours.trajectory.shape == (2, 5, 2 * 37)
    for index, seed in enumerate(plan.seeds):
        for step in range(13):
            own = {name: value[index, step] for name, value in ours.snapshots.items()}
            if step > 12 - 5:
                block = torch.cat([own[name].flatten() for name in plan.block])
                assert torch.equal(ours.trajectory[index, step - 8], block)
            own = {name: value.double() for name, value in own.items()}
            row = ours.history[(ours.history["seed"] == seed) & (ours.history["step"] == step)].iloc[0]
            parameters = [own[name] for name in NAMES]
            for part, examples in (("loss", data(plan)), ("test_loss", data(plan, 5, seed=2))):
                x, y = (values.double() for values in examples)
                assert row[part] == pytest.approx(
                    float(objective(replace(plan, objective="risk"), parameters, x, y, None))
                )
        assert torch.equal(own[NAMES[0]].float(), ours.parameters[NAMES[0]][index])
    assert ours.history["objective"].isna().tolist() == [True] * 2 + [False] * 24
    assert ours.history[["train_accuracy", "test_accuracy"]].isna().all(axis=None), "a regression"


def test_classes_encoded_one_hot_have_an_accuracy():
    plan = short(300, widths=(2, 50, 3), learning_rate=0.1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, generator=generator)
    labels = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    y = torch.nn.functional.one_hot(labels, 3).float()
    ours = train(plan, x[:40], y[:40], x[40:], y[40:])
    own = of_seed(ours.parameters, 0)
    outputs = torch.tanh(x @ own[NAMES[0]].T + own[NAMES[1]]) @ own[NAMES[2]].T + own[NAMES[3]]
    right = (outputs.argmax(dim=1) == labels).double()
    row = ours.history[(ours.history["seed"] == 0) & (ours.history["step"] == 300)].iloc[0]
    assert row["train_accuracy"] == pytest.approx(float(right[:40].mean()))
    assert row["test_accuracy"] == pytest.approx(float(right[40:].mean()))
    assert row["train_accuracy"] > 0.8


def test_where_it_starts():
    plan = short(3)
    ours = trained(plan).snapshots
    for name, value in normal_initialised(plan.widths, "tanh", plan.initial_scale, plan.seeds).items():
        assert torch.equal(ours[name][:, 0], value)
    for name, value in initialised(plan.widths, "tanh", plan.seeds).items():
        assert torch.equal(trained(short(3, initial_scale=None)).snapshots[name][:, 0], value)
    start = trained(plan).parameters
    kept = {name: value.clone() for name, value in start.items()}
    ours = trained(plan, start=start).snapshots
    for name in NAMES:
        assert torch.equal(ours[name][:, 0], kept[name])
        assert torch.equal(start[name], kept[name]), "what it starts from is not changed"


@pytest.mark.parametrize("initial_scale", [None, (0.5, 0.5)])
def test_without_an_output_bias_it_stays_zero(initial_scale):
    for optimizer in COMPILED["optimizer"]:
        ours = trained(short(30, output_bias=False, initial_scale=initial_scale, optimizer=optimizer))
        assert not ours.snapshots[NAMES[3]].any()
    assert trained(short(30)).parameters[NAMES[3]].all()


def test_divergence_names_seed_step_and_learning_rate():
    with pytest.raises(DivergenceError) as error:
        trained(plan_of(learning_rate=1e25, activation="relu", objective="risk"))
    message = str(error.value)
    assert message.startswith("The training of seed 0 diverged: its loss is ")
    assert " with learning_rate 1e+25 and keep_prob 0.7. Write a smaller learning_rate" in message


def test_divergence_stops_at_the_first_step_that_is_not_finite():
    """The second step sees what the first one made of the parameters."""
    plan = plan_of(learning_rate=1e38, activation="relu", objective="risk", seeds=(0,))
    with pytest.raises(DivergenceError, match=r"its loss is (inf|nan) at step 1 "):
        trained(plan)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("name", NAMES)
def test_no_number_is_hidden_by_an_activation(name, activation):
    plan = short(1, activation=activation, keep_prob=1.0)
    start = two_layer.initial_parameters(plan)
    start[name][1].flatten()[-1] = math.nan
    with pytest.raises(DivergenceError, match="training of seed 7 diverged: its loss is nan at step 0 "):
        trained(plan, start=start)


def test_divergence_in_the_last_step_is_noticed():
    with pytest.raises(DivergenceError):
        trained(short(1, learning_rate=1e38, activation="relu", objective="risk"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "identity"}, "activation is 'identity'.*tanh, relu"),
        ({"objective": "risk_plus_r2"}, "objective is 'risk_plus_r2'"),
        ({"optimizer": "nesterov"}, "optimizer is 'nesterov'"),
        ({"mask_mode": "once"}, "mask_mode is 'once'"),
        ({"keep_prob": 0.0}, "keep_prob is 0.0"),
        ({"widths": (1, 5, 5, 1)}, r"widths is \[1, 5, 5, 1\]"),
        ({"block": ("layers.9.weight",)}, r"'layers\.9\.weight', which the model does not have"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        plan_of(**changes)


def test_data_of_another_shape_is_refused():
    x, y = data(BASE)
    with pytest.raises(ConfigurationError, match=r"inputs of shape \(8, 1\) and targets of shape \(8,\)"):
        train(BASE, x, y[:, 0], x, y)
    with pytest.raises(ConfigurationError, match=r"have to be \(n, 1\) and \(n, 1\)"):
        train(BASE, x, y, torch.cat([x, x], dim=1), y)


def test_compiled_code_is_kept_for_the_very_same_sources(monkeypatch):
    """A change of the other file makes another function of it, and a place that cannot be written to does no harm."""
    machine = cpu_target.target_context.codegen()
    keys = [two_layer_kernel._compiled(number)._cache._index_key((), machine) for number in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]

    def without_a_place(**options):
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return lambda function: ("not kept", function)

    monkeypatch.setattr(two_layer_kernel, "njit", without_a_place)
    assert two_layer_kernel._compiled(1)[0] == "not kept"
