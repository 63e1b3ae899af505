import pytest
import torch

from dropscape.artifacts.files import read_json, read_table
from dropscape.artifacts.tensors import write_tensors
from dropscape.data.dataset import as_inputs
from dropscape.data.prepared import write_prepared
from dropscape.models.losses import cross_entropy_per_example
from dropscape.models.registry import initialised
from dropscape.models.restored import restored
from dropscape.sampling.ratio import loss_gradient_ratio
from dropscape.sampling.ratio_stage import ratio_run
from tests.sampling.test_stage import SETTINGS, dataset


@pytest.mark.parametrize(("keep_prob", "after"), [(0.8, 1), ([0.8, 0.5], [1, 2])])
def test_every_seed_has_its_ratio_whatever_its_dropout(keep_prob, after, tmp_path):
    settings, data = SETTINGS | {"keep_prob": keep_prob, "dropout_after": after}, dataset()
    write_prepared(tmp_path / "mnist.safetensors", tmp_path / "mnist.json", data)
    states = [initialised(settings["model"], seed).state_dict() for seed in settings["seeds"]]
    model = str(tmp_path / "model.safetensors")
    write_tensors(model, {name: torch.stack([state[name] for state in states]) for name in states[0]}, {})
    outputs = {"ratios": str(tmp_path / "ratios.csv"), "provenance": str(tmp_path / "p.json")}
    ratio_run("run", settings, model, str(tmp_path / "mnist.safetensors"), outputs)
    table = read_table(outputs["ratios"])
    assert list(table["seed"]) == [0, 4] and read_json(outputs["provenance"])["stage"] == "sampling"
    for row, state in zip(table.itertuples(), states, strict=True):
        expected = loss_gradient_ratio(
            restored(settings["model"], state, with_dropout=True),
            as_inputs(data.train_images),
            data.train_labels,
            cross_entropy_per_example,
            keep_prob=(0.8, 1.0) if after == 1 else keep_prob,
            samples=3,
            seed=row.seed,
        )
        assert (row.mean_loss, row.mean_squared_gradient) == (expected.mean_loss, expected.mean_squared_gradient)
        assert row.ratio == expected.ratio > 0
