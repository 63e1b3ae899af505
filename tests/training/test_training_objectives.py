"""Trainings on each objective: the written-out steps, batches, starts, interruptions and what the history says."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dropscape.dropout.layers import ModuleMasks, masks_in_force, set_keep_prob
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.models.registry import initialised
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.compiled import CompiledTraining
from dropscape.training.general import GeneralTraining
from dropscape.training.micro_batches import Batches, EpochBatches
from dropscape.training.objectives import OBJECTIVES
from dropscape.training.optimizers import LearningRate
from dropscape.training.train import train
from tests.training.interruptions import Killed, assert_bit_identical, killed_at

FNN = {"name": "fnn", "widths": [5, 7, 6, 3], "activation": "tanh"}
VGG = {"name": "vgg9", "classes": 3, "width": 1 / 32}
CONVOLUTION = ("block1.conv1.weight",)
BASE = GeneralTraining(
    model=FNN,
    block=("layers.1.weight",),
    keep_prob=(1.0, 0.7),
    mask_mode="per_example",
    loss="mse",
    label_smoothing=0.0,
    objective="dropout",
    gradient_penalty_weight=None,
    optimizer="gd",
    learning_rate=LearningRate(0.2, milestones=(3,), decay=0.5),
    momentum=0.9,
    batch_size=None,
    micro_batch=4,
    ghost_batch_size=None,
    precision="float32",
    steps=6,
    trajectory_steps=2,
    recorded=(0, 2, 6),
    history=tuple(range(7)),
    seeds=(0, 7),
)
VGG_BASE = replace(
    BASE,
    model=VGG,
    keep_prob=0.7,
    block=CONVOLUTION,
    ghost_batch_size=6,
    micro_batch=6,
    learning_rate=LearningRate(0.01),
    history=(0, 4),
    seeds=(3,),
)


def examples(n, model, seed):
    generator = torch.Generator().manual_seed(seed)
    shape = (n, model["widths"][0]) if model["name"] == "fnn" else (n, 3, 32, 32)
    outputs = model["widths"][-1] if model["name"] == "fnn" else 3
    return torch.rand(shape, generator=generator), torch.randn(n, outputs, generator=generator)


def data(model=FNN):
    return (*examples(12, model, 0), *examples(6, model, 1))


def risk(model, inputs, targets):
    return (model(inputs) - targets).square().sum() / (2 * len(inputs))


def r1(model, inputs, keep_prob):
    """Eq. 4 of paper B by its sums over the units of the last hidden layer."""
    last = model.layers[-1].weight
    hidden = model.hidden(inputs, model.depth - 1)
    return (1 - keep_prob) / (2 * len(inputs) * keep_prob) * (hidden.square() * last.square().sum(0)).sum()


def written_out(config, seed, inputs, targets):
    """Plain descent in float64 with one graph a step; the objectives and the end."""
    model, masks = initialised(config.model, seed).double(), ModuleMasks(seed, "training", "masks", config.mask_mode)
    set_keep_prob(model, config.keep_prob)
    parameters, values = list(model.parameters()), []
    for step in range(config.steps):
        rate = 0.2 * (0.5 if step >= 3 else 1)
        batch = EpochBatches(Batches(inputs.double(), targets.double(), 99), config.batch_size, seed).draw(step)
        with masks_in_force(model, masks, step, 0):
            noisy = risk(model, batch.inputs, batch.targets)
        exact = risk(model, batch.inputs, batch.targets)
        gradients = torch.autograd.grad(noisy, parameters, create_graph=True)
        r2 = (config.gradient_penalty_weight or rate) / 4 * sum(gradient.square().sum() for gradient in gradients)
        value = {
            "dropout": noisy,
            "risk": exact,
            "risk_plus_r1": exact + r1(model, batch.inputs, 0.7),
            "risk_plus_r2": exact + r2,
            "dropout_minus_r2": noisy - r2,
            "dropout_minus_r1": noisy - r1(model, batch.inputs, 0.7),
            "dropout_plus_r2": noisy + r2,
        }[config.objective]
        values.append(value.item())
        with torch.no_grad():
            for parameter, gradient in zip(parameters, torch.autograd.grad(value, parameters), strict=True):
                parameter -= rate * gradient
    return model, values


@pytest.mark.parametrize(
    "changes",
    [{}, {"batch_size": 3}, {"mask_mode": "shared", "batch_size": 12}, {"gradient_penalty_weight": 0.7}],
    ids=str,
)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_steps_descend_the_objective_with_the_masks_and_the_examples_of_the_step(objective, changes):
    """The weight of R_2 is the learning rate of the step where none is given."""
    config = replace(BASE, objective=objective, **changes)
    inputs, targets, *test = data()
    ours = train(config, inputs, targets, *test)
    for index, seed in enumerate(config.seeds):
        model, values = written_out(config, seed, inputs, targets)
        for name, value in model.named_parameters():
            torch.testing.assert_close(ours.parameters[name][index].double(), value.detach(), rtol=1e-4, atol=1e-6)
        found = ours.history[ours.history["seed"] == seed].set_index("step")
        np.testing.assert_allclose(found.loc[1:, "objective"], values, rtol=1e-5, atol=1e-5 * max(values))
        assert found.loc[6, "loss"] == pytest.approx(risk(model, inputs.double(), targets.double()).item(), rel=1e-5)
        assert found.loc[6, "r1"] == pytest.approx(r1(model, inputs.double(), 0.7).item(), rel=1e-5)
        assert found.loc[6, "test_loss"] == pytest.approx(
            risk(model, *(part.double() for part in test)).item(), rel=1e-5
        )


def test_a_regression_has_no_accuracy_and_encoded_classes_have_one():
    inputs, targets, *test = data()
    history = train(BASE, inputs, targets, *test).history
    assert history[["train_accuracy", "test_accuracy"]].isna().all(axis=None)
    assert history[["loss", "r1", "test_loss"]].notna().all(axis=None)
    classes = torch.eye(3)[torch.arange(12) % 3]
    trained = train(BASE, inputs, classes, test[0], classes[:6])
    model = initialised(FNN, 0)
    model.load_state_dict({name: value[0] for name, value in trained.parameters.items()})
    expected = (model(inputs).argmax(1) == torch.arange(12) % 3).float().mean().item()
    assert trained.history.query("seed == 0 and step == 6")["train_accuracy"].item() == pytest.approx(expected)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_micro_batch_changes_an_objective_by_rounding_only(objective):
    config = replace(BASE, objective=objective)
    one, two = (train(replace(config, micro_batch=size), *data()) for size in (3, 12))
    for name, value in one.parameters.items():
        torch.testing.assert_close(value, two.parameters[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("step", [1, 3, 6])
@pytest.mark.parametrize("batch_size", [None, 6])
@pytest.mark.parametrize(
    "config",
    [
        replace(BASE, objective="risk_plus_r2", optimizer="adam"),
        replace(BASE, objective="dropout_minus_r1", optimizer="adam"),
        replace(VGG_BASE, objective="dropout_plus_r2", gradient_penalty_weight=0.01),
    ],
    ids=lambda config: config.objective,
)
def test_an_interrupted_training_ends_bit_identical(config, batch_size, step, tmp_path):
    """VGG-9 with groups of batch norm too."""
    config = replace(config, batch_size=batch_size)

    with pytest.raises(Killed):
        train(config, *data(config.model), checkpoint=Checkpoint(tmp_path / "state", 0), progress=killed_at(step))
    resumed = train(config, *data(config.model), checkpoint=Checkpoint(tmp_path / "state", 0))
    assert_bit_identical(resumed, train(config, *data(config.model)))


def test_a_training_goes_on_from_another_ones_end_point():
    """Without dropout and without momentum two halves are the whole."""
    whole = replace(BASE, objective="risk", learning_rate=LearningRate(0.1))
    half = replace(whole, steps=3, trajectory_steps=0, recorded=(0, 3), history=(0, 3))
    first = train(half, *data())
    second = train(half, *data(), start=first.parameters)
    for name, value in train(whole, *data()).parameters.items():
        assert torch.equal(second.parameters[name], value)
        assert torch.equal(second.snapshots[name][:, 0], first.parameters[name])


def test_a_network_without_output_bias_and_of_given_scales_trains():
    config = replace(BASE, model=FNN | {"output_bias": False, "initial_scale": [0.5, 0.5, 2.0]}, optimizer="adam")
    trained = train(config, *data())
    assert not trained.parameters["layers.2.bias"].any()
    assert (trained.parameters["layers.2.weight"] != trained.snapshots["layers.2.weight"][:, 0]).all()
    assert trained.snapshots["layers.2.weight"][:, 0].std() == pytest.approx(2, rel=0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "noise"}, "objective is 'noise'; write one of dropout,"),
        ({"objective": "risk_plus_r1", "keep_prob": (0.7, 0.7)}, "dropout in dropouts.0, dropouts.1"),
        ({"model": VGG, "objective": "risk_plus_r1", "keep_prob": 0.7, "block": CONVOLUTION}, "a Chain"),
        (
            {"model": VGG, "keep_prob": 0.7, "block": CONVOLUTION, "ghost_batch_size": 4, "batch_size": 5},
            "leaves one of 5 examples alone in a group.*batch_size",
        ),
        ({"keep_prob": (0.7, 0.7, 0.7)}, "the model has 2 dropout layers"),
    ],
)
def test_settings_that_do_not_fit_are_named(changes, message):
    config = replace(BASE, **changes)
    with pytest.raises(ConfigurationError, match=message):
        train(config, *data(config.model))


def test_descending_without_bound_is_divergence():
    """R_S^drop - R_2 falls without bound where the weight is large."""
    config = replace(
        BASE, objective="dropout_minus_r2", gradient_penalty_weight=50.0, steps=300, history=(0,), recorded=(0,)
    )
    with pytest.raises(DivergenceError, match=r"seed \d diverged"):
        train(config, *data())


@pytest.mark.parametrize("objective", ["risk", "risk_plus_r1"])
@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_the_compiled_training_is_the_general_one_where_there_is_no_noise(optimizer, objective):
    """Two implementations of the same steps, from the same normally distributed parameters."""
    model = {"name": "fnn", "widths": [1, 40, 1], "activation": "tanh"} | {
        "initial_scale": [0.5, 1.0],
        "output_bias": False,
    }
    shared = {"block": ("layers.0.weight",), "mask_mode": "per_example", "objective": objective, "optimizer": optimizer}
    shared |= {"steps": 50, "trajectory_steps": 3, "recorded": (0, 20, 50), "history": (0, 10, 50), "seeds": (0, 7)}
    general = replace(BASE, model=model, keep_prob=(0.9,), learning_rate=LearningRate(0.01), **shared)
    same = CompiledTraining(
        widths=(1, 40, 1),
        activation="tanh",
        keep_prob=0.9,
        learning_rate=0.01,
        initial_scale=(0.5, 1.0),
        output_bias=False,
        **shared,
    )
    ours, theirs = train(general, *data(model)), train(same, *data(model))
    for name, value in ours.parameters.items():
        torch.testing.assert_close(theirs.parameters[name], value, rtol=2e-3, atol=2e-4)
        assert torch.equal(theirs.snapshots[name][:, 0], ours.snapshots[name][:, 0])
    pd.testing.assert_frame_equal(theirs.history, ours.history, rtol=1e-3)
    assert not math.isclose(ours.history["loss"].iloc[0], ours.history["loss"].iloc[-1], rel_tol=0.05)
