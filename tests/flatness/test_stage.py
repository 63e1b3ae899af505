"""The interval flatness of a run, and that of the divergence where labels are smoothed."""

import numpy as np
import pytest
import torch

from dropscape.artifacts.files import read_table
from dropscape.artifacts.tensors import write_tensors
from dropscape.flatness.stage import measure_flatness
from dropscape.models.registry import initialised
from tests.stage_job import TINY_RUN, run_stage, write_networks, write_tiny_images

SETTINGS = TINY_RUN | {
    "block": ["layers.1.weight"],
    "factors": [1.05, 1.1],
    "max_width": 1e3,
}


def interval(tmp_path, **changes):
    write_tiny_images(tmp_path / "data")
    states = [initialised(SETTINGS["model"], seed).state_dict() for seed in SETTINGS["seeds"]]
    vectors, _ = torch.linalg.qr(torch.randn(30, 30, generator=torch.Generator().manual_seed(0)))
    directions = {"gradients/directions": vectors[:2].expand(2, 2, 30).contiguous()}
    write_tensors(tmp_path / "directions", directions | {"gradients/indices": torch.tensor([1, 7])}, {})
    pairs = {"eigenvectors": vectors.expand(2, 30, 30).contiguous(), "eigenvalues": torch.ones(2, 30).double()}
    write_tensors(tmp_path / "hessian", pairs, {})
    inputs = {name: str(tmp_path / name) for name in ("data", "directions", "hessian")}
    inputs["model"] = write_networks(tmp_path / "model", states)
    outputs = {"interval": str(tmp_path / "interval.csv")}
    run_stage(measure_flatness, "flatness", SETTINGS | changes, inputs, outputs)
    return read_table(outputs["interval"])


def test_without_smoothing_both_widths_are_the_same(tmp_path):
    found = interval(tmp_path)
    assert set(found["sample"]) == {"gradients"}
    assert found[["seed", "index", "factor"]].drop_duplicates().shape[0] == len(found) == 2 * 2 * 2
    np.testing.assert_array_equal(found["width"], found["divergence_width"])
    assert found["width"].notna().all()


def test_the_divergence_doubles_earlier_than_the_cross_entropy(tmp_path):
    smoothed, plain = interval(tmp_path, label_smoothing=0.1), interval(tmp_path)
    assert (smoothed["divergence_width"] < smoothed["width"]).all()
    assert not np.allclose(smoothed["width"], plain["width"])
    assert smoothed["width"].to_numpy() == pytest.approx((smoothed["right"] - smoothed["left"]).to_numpy())
