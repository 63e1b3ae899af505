"""Compiled trainings, however often interrupted: what they record, where they start, and what is refused."""

import math
from dataclasses import replace

import pytest
import torch

from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.initial import normal_initialised
from dropscape.training import pace
from dropscape.training.backends import COMPILED
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.compiled import NAMES
from dropscape.training.stacked_networks import initialised
from dropscape.training.train import train
from tests.training.compiled_trainings import BASE, changed, data, objective, select_seed, short, trained
from tests.training.interruptions import Killed, assert_bit_identical, killed_at

VARIANTS = (
    {},
    {"optimizer": "adam", "learning_rate": 1e-3, "batch_size": 3},
    {"mask_mode": "shared", "widths": (3, 20, 2), "batch_size": 1},
    {"objective": "risk_plus_r1", "optimizer": "adam", "trajectory_steps": 0, "output_bias": False},
)


@pytest.mark.parametrize("changes", VARIANTS)
def test_how_often_the_compiled_function_returns_changes_nothing(changes, monkeypatch):
    config = changed(steps=60, recorded=(0, 60), history=(0, 60), **changes)
    once = []
    expected = trained(config, progress=lambda done, *_, **__: once.append(done))
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    often = []
    assert_bit_identical(trained(config, progress=lambda done, *_, **__: often.append(done)), expected)
    assert often == list(range(1, 61))
    assert len(once) < 60 if config.trajectory_steps == 0 else once[-1] == 60


@pytest.mark.parametrize("changes", VARIANTS)
@pytest.mark.parametrize("step", [1, 2, 5, 7, 8, 12])
def test_an_interrupted_training_ends_bit_identical(step, changes, tmp_path, monkeypatch):
    config = changed(**changes)
    expected = trained(config)
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    path = tmp_path / "state.safetensors"
    with pytest.raises(Killed):
        trained(config, checkpoint=Checkpoint(path, 0), progress=killed_at(step))
    assert path.exists() == (step > 1)
    taken = []
    again = trained(config, checkpoint=Checkpoint(path, 1e9), progress=lambda done, *_, **__: taken.append(done))
    assert taken == list(range(step, 13)), "only what was missing is done"
    assert_bit_identical(again, expected)


def test_a_finished_state_gives_the_result_again_without_a_step(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state.safetensors", 1e9)
    first = trained(changed(), checkpoint=checkpoint)
    assert_bit_identical(first, trained(changed(), checkpoint=checkpoint, progress=killed_at(1)))


def test_a_seed_is_trained_alike_whatever_is_trained_with_it_and_on_any_number_of_threads():
    config = changed(seeds=(0, 7, 3))
    together = trained(config)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert_bit_identical(trained(config), together)
    finally:
        torch.set_num_threads(before)
    alone = trained(changed(seeds=(3,)))
    for name in NAMES:
        assert torch.equal(alone.parameters[name][0], together.parameters[name][2])


def test_snapshots_trajectory_and_history_are_of_their_steps():
    config = changed(recorded=tuple(range(13)), history=tuple(range(13)))
    ours = trained(config)
    assert ours.trajectory.shape == (2, 5, 2 * 37)
    for index, seed in enumerate(config.seeds):
        for step in range(13):
            then = {name: value[index, step] for name, value in ours.snapshots.items()}
            if step > 12 - 5:
                block = torch.cat([then[name].flatten() for name in config.block])
                assert torch.equal(ours.trajectory[index, step - 8], block)
            then = {name: value.double() for name, value in then.items()}
            row = ours.history[(ours.history["seed"] == seed) & (ours.history["step"] == step)].iloc[0]
            parameters = [then[name] for name in NAMES]
            for column, examples in (("loss", data(config)), ("test_loss", data(config, 5, seed=2))):
                x, y = (values.double() for values in examples)
                assert row[column] == pytest.approx(
                    float(objective(replace(config, objective="risk"), parameters, x, y, None))
                )
        assert torch.equal(then[NAMES[0]].float(), ours.parameters[NAMES[0]][index])
    assert ours.history["objective"].isna().tolist() == [True] * 2 + [False] * 24
    assert ours.history[["train_accuracy", "test_accuracy"]].isna().all(axis=None), "a regression"


def test_classes_encoded_one_hot_have_an_accuracy():
    config = short(300, widths=(2, 50, 3), learning_rate=0.1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, generator=generator)
    labels = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    y = torch.nn.functional.one_hot(labels, 3).float()
    ours = train(config, x[:40], y[:40], x[40:], y[40:])
    values = select_seed(ours.parameters, 0)
    outputs = torch.tanh(x @ values[NAMES[0]].T + values[NAMES[1]]) @ values[NAMES[2]].T + values[NAMES[3]]
    right = (outputs.argmax(dim=1) == labels).double()
    row = ours.history[(ours.history["seed"] == 0) & (ours.history["step"] == 300)].iloc[0]
    assert row["train_accuracy"] == pytest.approx(float(right[:40].mean()))
    assert row["test_accuracy"] == pytest.approx(float(right[40:].mean()))
    assert row["train_accuracy"] > 0.8


def test_where_it_starts():
    config = short(3)
    ours = trained(config).snapshots
    for name, value in normal_initialised(config.widths, "tanh", config.initial_scale, config.seeds).items():
        assert torch.equal(ours[name][:, 0], value)
    for name, value in initialised(config.widths, "tanh", config.seeds).items():
        assert torch.equal(trained(short(3, initial_scale=None)).snapshots[name][:, 0], value)
    start = trained(config).parameters
    before = {name: value.clone() for name, value in start.items()}
    ours = trained(config, start=start).snapshots
    for name in NAMES:
        assert torch.equal(ours[name][:, 0], before[name])
        assert torch.equal(start[name], before[name]), "what it starts from is not changed"


@pytest.mark.parametrize("initial_scale", [None, (0.5, 0.5)])
def test_without_an_output_bias_it_stays_zero(initial_scale):
    for optimizer in COMPILED["optimizer"]:
        ours = trained(short(30, output_bias=False, initial_scale=initial_scale, optimizer=optimizer))
        assert not ours.snapshots[NAMES[3]].any()
    assert trained(short(30)).parameters[NAMES[3]].all()


def test_divergence_names_seed_step_and_learning_rate():
    with pytest.raises(DivergenceError) as error:
        trained(changed(learning_rate=1e25, activation="relu", objective="risk"))
    message = str(error.value)
    assert message.startswith("The training of seed 0 diverged: its loss is ")
    assert " with learning_rate 1e+25 and keep_prob 0.7. Write a smaller learning_rate" in message


def test_divergence_stops_at_the_first_step_that_is_not_finite():
    """The second step sees what the first one made of the parameters."""
    config = changed(learning_rate=1e38, activation="relu", objective="risk", seeds=(0,))
    with pytest.raises(DivergenceError, match=r"its loss is (inf|nan) at step 1 "):
        trained(config)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("name", NAMES)
def test_no_number_is_hidden_by_an_activation(name, activation):
    config = short(1, activation=activation, keep_prob=1.0)
    start = initialised(config.widths, activation, config.seeds, initial_scale=config.initial_scale)
    start[name][1].flatten()[-1] = math.nan
    with pytest.raises(DivergenceError, match="training of seed 7 diverged: its loss is nan at step 0 "):
        trained(config, start=start)


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
def test_a_config_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        changed(**changes)


def test_data_of_another_shape_is_refused():
    x, y = data(BASE)
    with pytest.raises(ConfigurationError, match=r"inputs of shape \(8, 1\) and targets of shape \(8,\)"):
        train(BASE, x, y[:, 0], x, y)
    with pytest.raises(ConfigurationError, match=r"have to be \(n, 1\) and \(n, 1\)"):
        train(BASE, x, y, torch.cat([x, x], dim=1), y)
