"""Compiled training of two-layer networks: against float64 autograd and against every mask."""

import ast
import itertools
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numba.core.registry import cpu_target

from dropscape.numerics import compiled_loops
from dropscape.training import compiled_kernel
from dropscape.training.backends import COMPILED
from dropscape.training.compiled import NAMES, CompiledRun, measured
from dropscape.training.train import train
from tests.training.compiled_trainings import (
    changed,
    data,
    draw_examples,
    draw_masks,
    objective,
    select_seed,
    short,
    trained,
)


def by_autograd(config, start, seed, x, y):
    """Every step in float64 by torch's autograd and optimisers, with the same masks and examples."""
    parameters = [start[name].double().requires_grad_() for name in NAMES]
    moved = parameters if config.output_bias else parameters[:3]
    make = torch.optim.Adam if config.optimizer == "adam" else torch.optim.SGD
    optimizer = make(moved, lr=config.learning_rate)
    for step in range(config.steps):
        chosen = draw_examples(config, seed, step, len(x))
        mask = draw_masks(config, seed, step, len(chosen)).T.double()
        optimizer.zero_grad()
        loss = objective(config, parameters, x[chosen].double(), y[chosen].double(), mask)
        loss.backward()
        optimizer.step()
    return dict(zip(NAMES, (parameter.detach() for parameter in parameters), strict=True)), loss.item()


def assert_is_autograd(config, tolerance):
    """The parameters differ by ``tolerance`` of their norm, and the objective of the last step by little more."""
    ours = trained(config)
    for index, seed in enumerate(config.seeds):
        start = select_seed({name: value[:, 0] for name, value in ours.snapshots.items()}, index)
        expected, loss = by_autograd(config, start, seed, *data(config))
        error = {name: ours.parameters[name][index].double() - value for name, value in expected.items()}
        assert _norm(error) <= tolerance * _norm(expected)
        row = ours.history[(ours.history["seed"] == seed) & (ours.history["step"] == config.steps)].iloc[0]
        # Residuals are that exact; the square of a small one is not.
        assert row["objective"] ** 0.5 == pytest.approx(loss**0.5, rel=10 * tolerance, abs=tolerance)


def _norm(tensors):
    return math.sqrt(sum(float(value.square().sum()) for value in tensors.values()))


EVERY = tuple(
    itertools.product(("tanh", "relu"), COMPILED["objective"], COMPILED["optimizer"], ("per_example", "shared"))
)


@pytest.mark.parametrize(("activation", "objective", "optimizer", "mask_mode"), EVERY)
@pytest.mark.parametrize(("steps", "tolerance"), [(1, 6e-8), (300, 1e-6)])
def test_steps_are_those_of_autograd(steps, tolerance, activation, objective, optimizer, mask_mode):
    """One step rounds the parameters once; 300 differ by no more than torch's steps do in float32."""
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
        config = short(20, optimizer=optimizer, learning_rate=learning_rate, initial_scale=(0.4, 0.3), **changes)
        assert_is_autograd(config, 3e-7)


def test_without_dropout_nothing_is_drawn():
    """Keep probability 1: dropout and the risk are the same bits, and R_1 is nothing."""
    ends = [trained(short(20, keep_prob=1.0, objective=name)) for name in COMPILED["objective"]]
    for name in NAMES:
        assert torch.equal(ends[0].parameters[name], ends[1].parameters[name])
        assert torch.equal(ends[1].parameters[name], ends[2].parameters[name])
    assert (ends[2].history["r1"] == 0).all()
    assert draw_masks(short(20, keep_prob=1.0), 0, 3, 8).all()


def enumerated(config, parameters, x, y):
    """E R_S^drop over every mask with its probability, and R_S, in float64."""
    m, n = config.widths[1], len(x)
    parameters = [parameters[name].double() for name in NAMES]
    config = replace(config, objective="dropout")
    columns = 1 if config.mask_mode == "shared" else n
    mean = 0.0
    for bits in itertools.product((0.0, 1.0), repeat=m * columns):
        mask = torch.tensor(bits, dtype=torch.float64).view(columns, m)
        kept = sum(bits)
        probability = config.keep_prob**kept * (1 - config.keep_prob) ** (len(bits) - kept)
        mean += probability * float(objective(config, parameters, x.double(), y.double(), mask))
    risk = objective(replace(config, objective="risk"), parameters, x.double(), y.double(), None)
    return mean, float(risk)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize(("mask_mode", "m", "n"), [("per_example", 4, 3), ("shared", 10, 3)])
def test_lemma_1_by_every_mask(mask_mode, m, n, k, activation):
    """E R_S^drop = R_S + R_1 (paper B, Lemma 1): what is measured, and what ``risk_plus_r1`` descends."""
    config = short(
        1, widths=(2, m, k), activation=activation, mask_mode=mask_mode, objective="risk_plus_r1", seeds=(3,)
    )
    ours = trained(config, n)
    start = select_seed({name: value[:, 0] for name, value in ours.snapshots.items()}, 0)
    mean, risk = enumerated(config, start, *data(config, n))
    row = ours.history.iloc[0]
    assert row["loss"] == pytest.approx(risk, rel=1e-12)
    assert row["r1"] == pytest.approx(mean - risk, rel=1e-9)
    assert ours.history.iloc[1]["objective"] == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("mask_mode", ["per_example", "shared"])
def test_lemma_1_by_the_masks_of_a_training(mask_mode):
    """Standing still, the mean of what the steps descend is R_S + R_1 to within its sampling error."""
    steps = 20_000
    config = changed(
        steps=steps, trajectory_steps=0, recorded=(0,), history=(0, steps), mask_mode=mask_mode, learning_rate=0.0
    )
    run = CompiledRun(config, data(config), data(config), None, "cpu")
    values = []
    for step in range(1, steps + 1):
        values.append([run._descend(index, step)[1] for index in range(len(config.seeds))])
        run.step = step
    values = np.array(values)
    for index, objectives in enumerate(values.T):
        parameters = {name: value.double() for name, value in select_seed(run.parameters(), index).items()}
        risk, r1, _ = measured(parameters, config, *data(config))
        error = objectives.std() / math.sqrt(steps)
        assert abs(objectives.mean() - (risk + r1)) < 4 * error
        assert r1 > 20 * error, "or the sum could not be told from the risk"


def test_a_tiny_loss_has_meaning():
    """Far below 1e-7 the objective that the float32 steps see is still R_S of the parameters, in float64."""
    history = (0, 4000, 8000, 8001)
    config = changed(
        widths=(1, 1000, 1), objective="risk", optimizer="adam", learning_rate=1e-4, steps=8001, trajectory_steps=0,
        recorded=(8001,), history=history, initial_scale=(1.0, 0.05), seeds=(0,),
    )  # fmt: skip
    x = torch.linspace(-2, 2, 6)[:, None]
    rows = train(config, x, torch.sin(2 * x), x, torch.sin(2 * x)).history.set_index("step")
    assert rows["loss"][8000] < 1e-9
    assert rows["objective"][8001] == pytest.approx(rows["loss"][8000], rel=0.05)


def test_compiled_code_is_read_again_for_the_very_same_sources():
    """A change of another file makes another function of it."""
    machine = cpu_target.target_context.codegen()
    keys = [compiled_kernel._compiled(number)._cache._index_key((), machine) for number in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]


def test_the_process_that_compiles_gives_the_same_bits_as_the_next(tmp_path):
    """Which reads the machine code of the first."""
    root = Path(__file__).parents[2]
    search = os.pathsep.join([str(root / "src"), str(root)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": search}
    command = [sys.executable, "-m", "tests.training.compiled_bits"]
    runs = [subprocess.run(command, cwd=root, env=environment, capture_output=True, check=True) for _ in range(2)]
    assert len(list(tmp_path.rglob("*.nbc"))) >= 5
    assert len({run.stdout for run in runs}) == 1


@pytest.mark.parametrize("kernel", ["training/compiled", "subnetworks/two_layer", "subnetworks/convolutions"])
def test_the_sources_are_all_modules_that_a_kernel_calls(kernel):
    tree = ast.parse((Path(compiled_loops.__file__).parents[1] / f"{kernel}_kernel.py").read_text())
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = {module.removeprefix("dropscape.numerics.") for module in modules if module.startswith("dropscape")}
    assert ours <= set(compiled_loops.MODULES)
