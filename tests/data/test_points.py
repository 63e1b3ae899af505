import math

import pytest
import torch

from dropscape.config.user import DATASETS
from dropscape.data.points import Points
from dropscape.data.prepared import load_examples, write_prepared
from dropscape.errors import DataError

SHAPES = {"curve": (12, 1), "narrow_curve": (12, 1), "two_neurons": (64, 1), "one_neuron": (200, 10)}


def generated(name):
    return DATASETS[name].load("embedded", None, None)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_types(name):
    points = generated(name)
    count, width = SHAPES[name]
    assert points.train_inputs.shape == (count, width) and points.test_inputs.shape == (1_000, width)
    assert points.train_targets.shape == (count, 1) and points.test_targets.shape == (1_000, 1)
    assert {table.dtype for table in points.tensors.values()} == {torch.float32}
    assert points.description["counts"] == {"train": count, "test": 1_000}


@pytest.mark.parametrize("name", SHAPES)
def test_generated_once_and_for_all(name):
    again = generated(name).tensors
    assert all(torch.equal(value, again[key]) for key, value in generated(name).tensors.items())


def test_the_curve_is_a_plateau_between_two_steps():
    points = generated("curve")
    for x, y in zip(points.train_inputs[:, 0].tolist(), points.train_targets[:, 0].tolist(), strict=True):
        assert y == pytest.approx((math.tanh(x + 4) - math.tanh(x - 4)) / 2, abs=1e-6)
    steps = points.train_inputs.diff(dim=0)
    assert steps.max() - steps.min() < 1e-5


def test_teachers_values_written_out():
    points = generated("two_neurons")
    x, y = points.train_inputs[3, 0].item(), points.train_targets[3, 0].item()
    assert y == pytest.approx(math.tanh(1.2 * x + 1.0) - 0.8 * math.tanh(-0.7 * x + 0.9), abs=1e-6)
    points = generated("one_neuron")
    x = points.test_inputs[5].tolist()
    along = sum(value if k % 2 == 0 else -value for k, value in enumerate(x)) / math.sqrt(10)
    assert points.test_targets[5, 0].item() == pytest.approx(math.tanh(along), abs=1e-6)


def test_training_and_test_inputs_of_the_drawn_teacher_differ():
    points = generated("one_neuron")
    assert not set(map(tuple, points.train_inputs.tolist())) & set(map(tuple, points.test_inputs.tolist()))


def test_the_first_points_of_a_prepared_dataset(tmp_path):
    points = generated("two_neurons")
    write_prepared(tmp_path / "p.safetensors", tmp_path / "p.json", points)
    examples = load_examples(tmp_path / "p.safetensors", {"train_examples": 7, "test_examples": 5})
    assert torch.equal(examples.train_inputs, points.train_inputs[:7])
    assert torch.equal(examples.test_targets, points.test_targets[:5])
    with pytest.raises(DataError, match="65 train examples"):
        load_examples(tmp_path / "p.safetensors", {"train_examples": 65, "test_examples": 5})


def test_tables_that_do_not_fit_are_refused():
    tensors = generated("curve").tensors
    with pytest.raises(DataError, match="12 train inputs but 11"):
        Points("curve", **tensors | {"train_targets": tensors["train_targets"][:11]}, description={})
    with pytest.raises(DataError, match="float32 tables"):
        Points("curve", **tensors | {"test_targets": tensors["test_targets"].double()}, description={})
