"""Gradient descent: against a hand-written step, whatever is batched, and however often it is interrupted."""

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from dropscape.dropout.masks import LayerMasks
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.block import block_vector
from dropscape.models.fnn import FullyConnected
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.stacked_networks import StackedNetworks, initialised
from dropscape.training.train import train
from tests.training.interruptions import Killed, assert_bit_identical, killed_at


@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
@pytest.mark.parametrize("dropout_after", [1, 2])
@pytest.mark.parametrize("keep_prob", [0.7, 1.0])
def test_steps_equal_sgd_in_float64_with_the_same_masks(
    keep_prob, dropout_after, mask_mode, descent, trained_on, make_examples
):
    """Three steps written out, theta <- theta - lr grad R^drop; float32 may differ by its rounding."""
    config = descent(
        keep_prob=keep_prob, dropout_after=dropout_after, mask_mode=mask_mode, steps=3, trajectory_steps=0, history=(3,)
    )
    ours = trained_on(config)
    inputs, labels = make_examples(23)
    start = initialised(config.widths, config.activation, config.seeds)
    for index, seed in enumerate(config.seeds):
        network = FullyConnected(config.widths).double()
        network.load_state_dict({name: value[index].double() for name, value in start.items()})
        shape = (config.widths[dropout_after], len(labels))
        masks = LayerMasks(keep_prob, (1, *shape), [seed], "training", "masks", mask_mode)
        for step in range(3):
            f = inputs.double()
            mask = masks.mask(step)[0].T
            for number, layer in enumerate(network.layers, 1):
                f = layer(f) if number == network.depth else torch.relu(layer(f))
                if number == dropout_after:
                    f = f * mask / keep_prob
            loss = F.cross_entropy(f, labels)
            parameters = list(network.parameters())
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter -= config.learning_rate * gradient
        for name, value in network.named_parameters():
            torch.testing.assert_close(ours.parameters[name][index].double(), value.detach(), rtol=1e-5, atol=1e-6)
        row = ours.history[ours.history["seed"] == seed].iloc[0]
        assert row["objective"] == pytest.approx(loss.item(), rel=1e-5)


def test_history_measures_the_network_without_dropout(descent, trained_on, make_examples):
    config = descent()
    trained = trained_on(config)
    history = trained.history
    expected = [(step, seed) for step in config.history for seed in config.seeds]
    assert list(zip(history["step"], history["seed"], strict=True)) == expected
    assert history[history["step"] == 0]["objective"].isna().all(), "no step was taken yet"
    assert history["r1"].isna().all(), "it is defined for the squared error"
    assert history[history["step"] > 0].drop(columns="r1").notna().all(axis=None)
    for index, seed in enumerate(config.seeds):
        network = FullyConnected(config.widths).double()
        network.load_state_dict({name: value[index].double() for name, value in trained.parameters.items()})
        row = history[(history["seed"] == seed) & (history["step"] == config.steps)].iloc[0]
        for kind, (inputs, labels) in (("train", make_examples(23)), ("test", make_examples(11, seed=1))):
            outputs = network(inputs.double())
            assert row[f"{kind}_accuracy"] == pytest.approx(float((outputs.argmax(1) == labels).double().mean()))
            loss = row["loss" if kind == "train" else "test_loss"]
            assert loss == pytest.approx(F.cross_entropy(outputs, labels).item(), rel=1e-5)


def test_training_lowers_the_loss(descent, trained_on):
    history = trained_on(descent(steps=200, trajectory_steps=1, history=(0, 200), recorded=(200,))).history
    losses = history.groupby("step")["loss"].max()
    assert losses[200] < 0.9 * losses[0]


@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
def test_a_seed_is_trained_alike_whatever_is_batched_with_it(mask_mode, descent, trained_on):
    """Start and masks are bit-identical; a larger matrix product may round otherwise, a little in twelve steps."""
    config = descent(mask_mode=mask_mode, seeds=(0, 7, 3))
    together = trained_on(config)
    for seeds, positions in (((7,), (1,)), ((3, 0), (2, 0))):
        apart = trained_on(descent(mask_mode=mask_mode, seeds=seeds))
        for index, position in enumerate(positions):
            for name, value in apart.parameters.items():
                torch.testing.assert_close(value[index], together.parameters[name][position], rtol=1e-5, atol=1e-6)
            for name, value in apart.snapshots.items():
                assert torch.equal(value[index, 0], together.snapshots[name][position, 0])
            torch.testing.assert_close(apart.trajectory[index], together.trajectory[position], rtol=1e-5, atol=1e-6)


def test_two_trainings_from_scratch_are_bit_identical(descent, trained_on):
    assert_bit_identical(trained_on(descent()), trained_on(descent()))


def test_trajectory_holds_the_block_after_each_of_the_last_steps(descent, trained_on):
    config = descent(recorded=tuple(range(13)))
    trained = trained_on(config)
    assert trained.trajectory.shape == (2, 5, 5 * 6 + 5)
    for index in range(2):
        for position in range(5):
            step = config.steps - 5 + position + 1
            network = FullyConnected(config.widths)
            network.load_state_dict({name: value[index, step] for name, value in trained.snapshots.items()})
            assert torch.equal(trained.trajectory[index, position], block_vector(network, config.block))
        last = torch.cat([trained.parameters[name][index].flatten() for name in config.block])
        assert torch.equal(trained.trajectory[index, -1], last)


def test_a_trajectory_may_be_the_whole_training_or_nothing(descent, trained_on):
    whole = trained_on(descent(trajectory_steps=12))
    assert torch.equal(whole.trajectory[:, -5:], trained_on(descent()).trajectory)
    assert trained_on(descent(trajectory_steps=0)).trajectory is None


def test_the_training_before_the_trajectory_is_kept_and_what_each_step_of_it_descended(descent, trained_on):
    config = descent(history=tuple(range(13)))
    trained = trained_on(config)
    shorter = trained_on(descent(steps=config.steps - 5, trajectory_steps=0, recorded=(0,), history=(0,)))
    assert set(trained.trained) == set(trained.parameters)
    for name, value in trained.trained.items():
        assert torch.equal(value, shorter.parameters[name]) and torch.equal(shorter.trained[name], value)
        assert not torch.equal(value, trained.parameters[name])
    expected = trained.history.pivot_table(index="seed", columns="step", values="objective").to_numpy()[:, -5:]
    assert torch.equal(trained.objectives, torch.from_numpy(expected.copy()))
    assert shorter.objectives is None


def test_snapshots_are_the_parameters_at_the_recorded_steps(descent, trained_on):
    config = descent()
    trained = trained_on(config)
    start = initialised(config.widths, config.activation, config.seeds)
    shorter = trained_on(descent(steps=6, trajectory_steps=0, recorded=(6,), history=(6,)))
    for name, value in trained.snapshots.items():
        assert value.shape == (2, len(config.recorded), *start[name].shape[1:])
        assert torch.equal(value[:, 0], start[name])
        assert torch.equal(value[:, 2], shorter.parameters[name])
        assert torch.equal(value[:, -1], trained.parameters[name])


@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
@pytest.mark.parametrize("step", range(1, 13))
def test_an_interrupted_training_ends_bit_identical(step, mask_mode, descent, trained_on, tmp_path):
    """Killed after any step with the state of the step before on disk (step 1: with none)."""
    config = descent(mask_mode=mask_mode)
    path = tmp_path / "state.safetensors"
    with pytest.raises(Killed):
        trained_on(config, checkpoint=Checkpoint(path, 0), progress=killed_at(step))
    assert path.exists() == (step > 1)
    taken = []
    resumed = trained_on(config, checkpoint=Checkpoint(path, 1e9), progress=lambda done, *_, **__: taken.append(done))
    assert taken == list(range(step, 13)), "only what was missing is done"
    assert_bit_identical(resumed, trained_on(config))


@pytest.mark.parametrize(
    "changes", [{"seeds": (4,)}, {"keep_prob": 1.0}, {"trajectory_steps": 0}, {"dropout_after": 2}]
)
def test_a_training_interrupted_again_and_again_ends_bit_identical(changes, descent, tmp_path, make_examples):
    config = descent(**changes)
    checkpoint = Checkpoint(tmp_path / "state.safetensors", 0)
    data = (*make_examples(23), *make_examples(11, seed=1))
    for step in (3, 4, 8, 12):
        with pytest.raises(Killed):
            train(config, *data, checkpoint=checkpoint, progress=killed_at(step))
    assert_bit_identical(train(config, *data, checkpoint=checkpoint), train(config, *data))


def test_a_finished_state_gives_the_result_again_without_a_step(descent, trained_on, tmp_path):
    """A job killed between its training and its outputs."""
    checkpoint = Checkpoint(tmp_path / "state.safetensors", 1e9)
    first = trained_on(descent(), checkpoint=checkpoint)
    assert_bit_identical(first, trained_on(descent(), checkpoint=checkpoint, progress=killed_at(1)))


def test_a_damaged_state_starts_the_training_anew(descent, trained_on, tmp_path):
    checkpoint = Checkpoint(tmp_path / "state.safetensors", 0)
    with pytest.raises(Killed):
        trained_on(descent(), checkpoint=checkpoint, progress=killed_at(9))
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:500])
    assert_bit_identical(trained_on(descent(), checkpoint=checkpoint), trained_on(descent()))


def test_divergence_names_seed_step_and_learning_rate(descent, trained_on):
    with pytest.raises(DivergenceError) as error:
        trained_on(descent(learning_rate=1e30, activation="identity"))
    message = str(error.value)
    assert message.startswith("The training of seed 0 diverged: its loss is ")
    assert " at step 1 with learning_rate 1e+30 and keep_prob 0.7. Write a smaller learning_rate" in message


def test_divergence_of_a_later_seed_names_that_seed(descent, trained_on, monkeypatch):
    exact = StackedNetworks.gradients

    def broken(self, *given):
        weights, biases, loss = exact(self, *given)
        return weights, biases, loss * torch.tensor([1.0, float("nan")])

    monkeypatch.setattr(StackedNetworks, "gradients", broken)
    with pytest.raises(DivergenceError, match="training of seed 7 diverged: its loss is nan at step 0"):
        trained_on(descent())


def test_divergence_in_the_last_step_is_noticed(descent, trained_on):
    with pytest.raises(DivergenceError):
        trained_on(descent(learning_rate=1e30, activation="identity", steps=1, trajectory_steps=0, recorded=(1,)))


def test_a_block_that_the_network_lacks_is_named(descent, trained_on):
    with pytest.raises(ConfigurationError, match=r"'layers\.9\.weight', which the model does not have"):
        trained_on(descent(block=("layers.9.weight",)))


def test_a_gpu_trains_as_the_cpu_does(descent, trained_on):
    """Without dropout, because the two devices draw different masks; products round differently."""
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")
    config = descent(keep_prob=1.0)
    ours, expected = trained_on(config, device="cuda"), trained_on(config)
    for name, value in expected.parameters.items():
        assert ours.parameters[name].device.type == "cpu"
        torch.testing.assert_close(ours.parameters[name], value, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.trajectory, expected.trajectory, rtol=1e-4, atol=1e-5)
    pd.testing.assert_frame_equal(ours.history, expected.history, rtol=1e-4)


def test_an_interrupted_training_on_a_gpu_ends_bit_identical(descent, trained_on, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")
    checkpoint = Checkpoint(tmp_path / "state.safetensors", 0)
    with pytest.raises(Killed):
        trained_on(descent(), checkpoint=checkpoint, progress=killed_at(9), device="cuda")
    resumed = trained_on(descent(), checkpoint=checkpoint, device="cuda")
    assert_bit_identical(resumed, trained_on(descent(), device="cuda"))
