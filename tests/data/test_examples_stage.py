import pytest
import torch

from dropscape.artifacts.files import read_json, read_table
from dropscape.data import examples_stage
from dropscape.data.examples import Examples
from dropscape.errors import ConfigurationError

X, Y = torch.tensor([[-1.0], [0.25]]), torch.tensor([[0.1], [3.0]])


def examples(inputs, targets):
    return Examples(inputs, targets, inputs, targets, {"label": "two points", "dataset": "curve"})


def test_points_are_the_training_examples_in_their_order(monkeypatch, tmp_path):
    monkeypatch.setattr(examples_stage, "load_examples", lambda path, settings: examples(X, Y))
    outputs = {name: str(tmp_path / name) for name in ("examples", "provenance")}
    examples_stage.write_examples({"data": {"dataset": "curve"}}, "curve.safetensors", outputs)
    table = read_table(outputs["examples"])
    assert (table["x"].tolist(), table["y"].tolist()) == ([-1.0, 0.25], [float(Y[0]), 3.0])
    assert read_json(outputs["provenance"])["stage"] == "data"


@pytest.mark.parametrize(
    ("inputs", "targets"), [(torch.zeros(2, 3), Y), (X, torch.zeros(2, 2)), (X, torch.tensor([[1], [0]]))]
)
def test_examples_without_a_place_in_the_plane_are_refused(inputs, targets):
    with pytest.raises(ConfigurationError, match="functions of one number, but the examples of 'two points'"):
        examples_stage.points_of(examples(inputs, targets))
