"""What a training records of the full network, the visited sub-networks and the random ones."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dropscape.artifacts.tensors import read_tensors
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.subnetworks import cnn_training
from dropscape.subnetworks.cnn import initial_parameters, step
from dropscape.subnetworks.cnn_training import (
    COLUMNS,
    CnnRun,
    CnnTraining,
    count_steps,
    epoch_orders,
    largest_units,
    random_masks,
    step_masks,
)
from dropscape.training.checkpoint import Checkpoint
from tests.subnetworks.networks import SMALL, drawn, reference
from tests.training.interruptions import Killed, killed_at
from tests.training.released import is_gone_at_once

BASE = CnnTraining(
    shape=SMALL,
    keep_probs=(0.4,),
    seeds=(5,),
    learning_rate=0.2,
    batch_size=16,
    steps=7,
    recorded=(0, 3, 7),
    random_masks=2,
)

SEVERAL = replace(BASE, keep_probs=(0.4, 0.7, 0.7, 1.0), seeds=(5, 5, 6, 7))


def examples():
    _, images, labels = drawn(n=40, dtype=torch.float32)
    _, test_images, test_labels = drawn(n=31, seed=1, dtype=torch.float32)
    return images, labels, test_images, test_labels


def train(config, images, labels, test_images, test_labels, **options):
    return CnnRun(config, (images, labels), (test_images, test_labels)).finish(**options)


def test_the_table_is_of_the_iterates_and_their_masks():
    """Trained again step by step from the configured batches and masks, and tested by masked passes."""
    images, labels, test_images, test_labels = examples()
    table = train(BASE, *examples())
    assert list(table) == COLUMNS and len(table) == 3 * 5
    assert (table["width"].unique(), table["dropped_share"].unique(), table["run"].unique()) == (20, 0.6, 5)
    accuracy = table.set_index(["step", "network", "mask"])["accuracy"]
    parameters, taken = initial_parameters(SMALL, 5), []
    for number in range(BASE.steps + 1):
        if number in BASE.recorded:
            module = reference(SMALL, parameters)
            networks = {("full", -1): torch.ones(20) * 0.4, ("visited", -1): step_masks(BASE, number)[0, 0]}
            networks["pruned", -1] = 0.4 * largest_units(parameters, 0.4)
            networks |= {("random", index): mask for index, mask in enumerate(random_masks(BASE)[0])}
            for key, mask in networks.items():
                right = module(test_images, mask, 1 / 0.4).argmax(1) == test_labels
                assert accuracy[number, *key] == pytest.approx(float(right.double().mean()))
        order = epoch_orders(BASE, number // 3, 40)[0]
        batch = order[number % 3 * 16 :][:16]
        taken += batch.tolist()
        step(parameters, images[batch], labels[batch], step_masks(BASE, number)[0, 0], 0.4, 0.2)
    assert sorted(taken[:40]) == sorted(taken[40:80]) == list(range(40))
    assert taken[:40] != taken[40:80]
    assert table["accuracy"].nunique() >= 4


@pytest.mark.parametrize("training", ["per_example", "plain"])
def test_the_trainings_that_are_compared_have_their_own_masks(training):
    images, labels, test_images, test_labels = examples()
    config = replace(BASE, training=training)
    table = train(config, *examples()).set_index(["step", "network", "mask"])["accuracy"]
    assert set(table.index.get_level_values("network")) == {f"full_{training}", f"random_{training}"}
    parameters = initial_parameters(SMALL, 5)
    for number in range(BASE.steps):
        batch = epoch_orders(BASE, number // 3, 40)[0][number % 3 * 16 :][:16]
        mask = step_masks(config, number)[0, 0]
        assert mask.shape == ((16, 20) if training == "per_example" else (20,))
        keep_prob = 0.4 if training == "per_example" else 1.0
        assert mask.all() == (training == "plain")
        step(parameters, images[batch], labels[batch], mask[: len(batch)] if mask.ndim == 2 else mask, keep_prob, 0.2)
    module = reference(SMALL, parameters)
    masks = {("full", -1): torch.ones(20) * 0.4, ("random", 1): random_masks(BASE)[0, 1]}
    for (name, number), mask in masks.items():
        right = module(test_images, mask, 1 / 0.4).argmax(1) == test_labels
        assert table[7, f"{name}_{training}", number] == pytest.approx(float(right.double().mean()))


def test_pruning_keeps_the_units_of_largest_magnitude():
    parameters = initial_parameters(SMALL, 5)
    norms = parameters["incoming"].norm(dim=1) * parameters["outgoing"].norm(dim=1)
    kept = largest_units(parameters, 0.4)
    assert kept.sum() == 8 and norms[kept].min() > norms[~kept].max()
    parameters["incoming"][3] *= 100
    parameters["outgoing"][3] /= 100
    assert torch.equal(largest_units(parameters, 0.4), kept)


def test_it_learns():
    """The images of each class have another bright row."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 5
    images = 0.3 * torch.rand(200, 1, 14, 14, generator=generator)
    images[torch.arange(200), 0, 2 * labels + 2] = 1
    config = replace(BASE, shape=replace(SMALL, width=200), learning_rate=0.1, steps=400, recorded=(0, 400), seeds=(1,))
    table = train(config, images, labels, images, labels).set_index(["step", "network"])["accuracy"]
    assert table[0].max() < 0.6 and table[400].min() > 0.95


def test_masks_are_bernoulli_fixed_and_all_different():
    config = replace(BASE, shape=replace(SMALL, width=3000), random_masks=20)
    masks = torch.cat([random_masks(config)[0], step_masks(config, 0, 20)[:, 0]]).double()
    assert float(masks.mean()) == pytest.approx(0.4, abs=4 * (0.24 / masks.numel()) ** 0.5)
    pairs = torch.corrcoef(masks) - torch.eye(40)
    assert pairs.abs().max() < 5.5 / 3000**0.5
    assert torch.equal(random_masks(config), random_masks(config))
    assert not torch.equal(random_masks(replace(config, seeds=(6,))), random_masks(config))
    more, fewer = (step_masks(replace(config, keep_probs=(share,)), 3)[0] for share in (0.45, 0.4))
    assert more.sum() > fewer.sum()


def test_an_epoch_takes_the_last_few_examples_too():
    assert count_steps(3, 40, 16) == 9
    assert count_steps(25, 60_000, 64) == 23_450


@pytest.mark.parametrize("config", [BASE, SEVERAL], ids=["one", "side by side"])
def test_an_interrupted_training_ends_bit_identical(tmp_path, config, monkeypatch):
    monkeypatch.setattr(cnn_training, "MASK_BYTES", 400)  # those of five steps
    config, path = replace(config, steps=9, recorded=(0, 2, 5, 9)), tmp_path / "state.safetensors"
    whole = train(config, *examples())
    for limit in (2, 4, 8):
        with pytest.raises(Killed):
            train(config, *examples(), checkpoint=Checkpoint(path, 0), progress=killed_at(limit))
        tensors, state = read_tensors(path)
        assert state["step"] == limit - 1 and "incoming" in tensors
    pd.testing.assert_frame_equal(train(config, *examples(), checkpoint=Checkpoint(path, 0)), whole)
    # A finished training needs its parameters no longer, and wide ones are large.
    assert read_tensors(path)[0] == {}
    pd.testing.assert_frame_equal(train(config, *examples(), checkpoint=Checkpoint(path, 0)), whole)


def test_a_diverged_training_is_refused():
    with pytest.raises(DivergenceError, match=r"seed 5 diverged.*learning_rate 1e\+30"):
        train(replace(BASE, learning_rate=1e30), *examples())


@pytest.mark.parametrize(
    "width, mask_bytes, training",
    [(20, 2**26, "dropout"), (300, 3000, "dropout"), (1, 4, "dropout"), (20, 3000, "per_example"), (20, 4, "plain")],
)
def test_networks_side_by_side_are_those_one_after_another(monkeypatch, width, mask_bytes, training):
    """In float64: in float32 the roundings of either way decide one of the maxima sooner or later."""
    monkeypatch.setattr(cnn_training, "MASK_BYTES", mask_bytes)
    several = replace(SEVERAL, training=training)
    config = replace(several, shape=replace(SMALL, width=width), steps=40, recorded=(0, 3, 40))
    data = [value.double() if value.is_floating_point() else value for value in examples()]
    together = CnnRun(config, data[:2], data[2:])
    tables, table = [], together.finish()
    for index, (keep_prob, seed) in enumerate(zip(config.keep_probs, config.seeds, strict=True)):
        alone = CnnRun(replace(config, keep_probs=(keep_prob,), seeds=(seed,)), data[:2], data[2:])
        tables.append(alone.finish())
        for name, value in together.networks[index].items():
            expected = alone.networks[0][name]
            torch.testing.assert_close(value, expected, rtol=0, atol=1e-10 * float(expected.abs().max()))
    pd.testing.assert_frame_equal(table, pd.concat(tables, ignore_index=True))
    assert table["accuracy"].nunique() >= (2 if width == 1 else 4)


class Calls(TorchDispatchMode):
    """Names what torch calls, views aside."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if not function.is_view:
            self.names.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def test_a_step_side_by_side_reads_and_copies_nothing_and_takes_as_many_calls_for_any_number():
    """Nothing but calls whose results have a shape that is known, so that a GPU waits for none of them."""
    names = []
    for count in (2, 5):
        config, data = replace(BASE, keep_probs=(0.4,) * count, seeds=tuple(range(count))), examples()
        run = CnnRun(config, data[:2], data[2:])
        run._advance()
        (step,) = run.steps_by_size.values()
        with Calls() as calls:
            step._step()
        names.append(calls.names)
    assert names[0] == names[1] and len(names[0]) <= 60
    reads = ["nonzero", "masked_select", "local_scalar_dense", "to_copy"]
    writes = ["index_add", "index_copy", "index_put", "scatter", "scatter_add"]
    assert not {*reads, *writes} & {name.strip("_") for name in names[0]}


def test_a_training_names_the_network_that_diverged_and_the_step():
    data = examples()
    run = CnnRun(SEVERAL, data[:2], data[2:])
    run.parameters["output_bias"][2] = torch.nan
    with pytest.raises(DivergenceError, match=r"seed 6 diverged: its loss is nan at step 1 .* keep_prob 0.7"):
        run.finish()
    run, resumed = (CnnRun(SEVERAL, data[:2], data[2:]) for _ in range(2))
    run._advance()
    run._advance()
    resumed._restore(*run._state())
    resumed.parameters["output_bias"][1] = torch.inf
    with pytest.raises(DivergenceError, match=r"seed 5 diverged: its loss is nan at step 3 .* keep_prob 0.7"):
        resumed.finish()


@pytest.mark.parametrize(
    "changes, said",
    [({"keep_probs": (0.5, 0.0), "seeds": (1, 2)}, "keep_prob is 0"), ({"batch_size": 0}, "batch_size")],
)
def test_what_cannot_work_is_refused(changes, said):
    with pytest.raises(ConfigurationError, match=said):
        replace(BASE, **changes)


def test_nothing_keeps_a_finished_training():
    data = examples()
    assert is_gone_at_once(lambda: CnnRun(SEVERAL, data[:2], data[2:]))
