import pytest

from dropscape.artifacts.files import read_table
from dropscape.data.dataset import as_inputs
from dropscape.models.losses import cross_entropy_per_example
from dropscape.models.registry import initialised
from dropscape.models.restored import restored
from dropscape.sampling.ratio import loss_gradient_ratio, measure_ratio
from tests.sampling.test_stage import SETTINGS
from tests.stage_job import run_stage, write_networks, write_tiny_images


@pytest.mark.parametrize(("keep_prob", "after"), [(0.8, 1), ([0.8, 0.5], [1, 2])])
def test_every_seed_has_its_ratio_whatever_its_dropout(keep_prob, after, tmp_path):
    settings = SETTINGS | {"keep_prob": keep_prob, "dropout_after": after}
    data = write_tiny_images(tmp_path / "data")
    states = [initialised(settings["model"], seed).state_dict() for seed in settings["seeds"]]
    inputs = {"data": str(tmp_path / "data"), "model": write_networks(tmp_path / "model", states)}
    outputs = {"ratios": str(tmp_path / "ratios.csv")}
    record = run_stage(measure_ratio, "sampling_ratio", settings, inputs, outputs)
    table = read_table(outputs["ratios"])
    assert list(table["seed"]) == [0, 4] and record["stage"] == "sampling"
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
        assert {name: getattr(row, name) for name in expected} == expected
        assert row.ratio > 0
