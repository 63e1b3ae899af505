"""The sharpest curvature against dense Hessians in float64, and its stage."""

import pytest
import torch

from dropscape.artifacts.files import read_table
from dropscape.artifacts.tensors import write_tensors
from dropscape.curvature.hessian import block_hessian
from dropscape.curvature.kronecker import kronecker_trace
from dropscape.curvature.sharpness import (
    GivenMasks,
    differentiated_trace,
    drawn_factors,
    largest_eigenvalue,
    measure_sharpness,
)
from dropscape.data.dataset import as_inputs
from dropscape.dropout.masks import LayerMasks
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import LOSSES
from dropscape.models.registry import initialised
from tests.stage_job import TINY_RUN, run_stage, write_tiny_images


@pytest.fixture(scope="module")
def example():
    torch.manual_seed(4)
    return FullyConnected((6, 8, 7, 4)), torch.randn(60, 6), torch.randint(4, (60,))


def dense(model, inputs, targets, loss="cross_entropy"):
    block = [name for name, _ in model.named_parameters()]
    return block_hessian(model, block, (inputs, targets), loss, dtype=torch.float64, method="products").matrix


def test_the_largest_eigenvalue_is_that_of_the_dense_hessian(example):
    model, inputs, targets = example
    found, certificate = largest_eigenvalue(model, inputs, targets, "cross_entropy")
    assert certificate.verdict == "passed"
    exact = float(torch.linalg.eigvalsh(dense(*example))[-1])
    assert found["eigenvalue"] == pytest.approx(exact, rel=1e-3)
    assert abs(found["eigenvalue"] - exact) <= found["residual"] + 1e-5 * exact


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_the_trace_is_that_of_the_dense_hessian(example, loss):
    model, inputs, targets = example
    if loss == "mse":
        targets = torch.nn.functional.one_hot(targets, 4).float()
    exact = float(dense(model, inputs, targets, loss).trace())
    assert kronecker_trace(model, inputs, loss) == pytest.approx(exact, rel=1e-4)
    assert differentiated_trace(model, inputs, targets, LOSSES[loss]) == pytest.approx(exact, rel=1e-4)


def test_differentiating_twice_needs_no_piecewise_linear_network():
    torch.manual_seed(5)
    model, inputs, targets = FullyConnected((6, 8, 4), "tanh"), torch.randn(30, 6), torch.randn(30, 4)
    exact = float(dense(model, inputs, targets, "mse").trace())
    assert differentiated_trace(model, inputs, targets, LOSSES["mse"]) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("dropout_after", [1, 2])
def test_masks_that_are_given_are_those_of_the_hidden_layer(example, dropout_after):
    model, inputs, targets = example
    factors = drawn_factors(0.5, model, dropout_after, len(inputs), seed=3)
    assert set(factors.unique().tolist()) == {0.0, 2.0}
    masked = GivenMasks(model, dropout_after)
    hidden = model.hidden(inputs, dropout_after) * factors
    for layer in model.layers[dropout_after:]:
        hidden = layer(hidden if layer is model.layers[dropout_after] else torch.relu(hidden))
    torch.testing.assert_close(masked((inputs, factors)), hidden)
    exact = float(torch.linalg.eigvalsh(dense(masked, (inputs, factors), targets))[-1])
    found, _ = largest_eigenvalue(masked, (inputs, factors), targets, "cross_entropy")
    assert found["eigenvalue"] == pytest.approx(exact, rel=1e-3)
    unmasked, _ = largest_eigenvalue(model, inputs, targets, "cross_entropy")
    assert found["eigenvalue"] != pytest.approx(unmasked["eigenvalue"], rel=1e-2)


def test_every_seed_and_step_of_every_run_is_measured(tmp_path):
    dataset = write_tiny_images(tmp_path / "data")
    states = {run: [[initialised(TINY_RUN["model"], 10 * seed + step + 100 * (run == "b")).state_dict()
                     for step in range(2)] for seed in TINY_RUN["seeds"]] for run in "ab"}  # fmt: skip
    for run, seeds in states.items():
        stacked = {
            name: torch.stack([torch.stack([state[name] for state in steps]) for steps in seeds])
            for name in seeds[0][0]
        }
        write_tensors(tmp_path / run, stacked, {"steps": [0, 7]})
    runs = {
        run: {"keep_prob": keep, "dropout_after": 1, "data": TINY_RUN["data"]} for run, keep in (("a", 1), ("b", 0.5))
    }
    inputs = {"data": str(tmp_path / "data"), "snapshots": [str(tmp_path / run) for run in runs]}
    outputs = {"sharpness": str(tmp_path / "sharpness")}
    record = run_stage(measure_sharpness, "curvature_sharpness", TINY_RUN | {"runs": runs}, inputs, outputs)
    certificates = record["certificates"]
    assert len(certificates) == 8 and all(one["risk"]["verdict"] == "passed" for one in certificates)
    assert [one["run"] for one in certificates if "risk under dropout" in one] == ["b"] * 4
    table = read_table(outputs["sharpness"]).set_index(["run", "seed", "step"]).sort_index()
    assert len(table) == 2 * 2 * 2
    assert table.loc["a", "dropout_eigenvalue"].isna().all() and table.loc["b", "dropout_eigenvalue"].notna().all()
    images = as_inputs(dataset.train_images)
    for run in runs:
        model = FullyConnected(TINY_RUN["model"]["widths"])
        model.load_state_dict(states[run][1][0])
        exact = dense(model, images, dataset.train_labels)
        row = table.loc[(run, TINY_RUN["seeds"][1], 0)]
        assert row["eigenvalue"] == pytest.approx(float(torch.linalg.eigvalsh(exact)[-1]), rel=1e-3)
        assert row["trace"] == pytest.approx(float(exact.trace()), rel=1e-4)


def test_the_masks_are_of_the_seed_and_one_for_each_example(example):
    model, _, _ = example
    ours = LayerMasks(0.5, (8, 60), 3, "curvature", "masks").mask(0).T / 0.5
    assert torch.equal(drawn_factors(0.5, model, 1, 60, seed=3), ours)
