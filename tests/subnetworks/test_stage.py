"""Settings and a prepared dataset in; tables with their provenance out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from dropscape.artifacts.files import read_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.data.dataset import Dataset
from dropscape.data.datasets.one_neuron import OneNeuron
from dropscape.data.prepared import write_prepared
from dropscape.errors import ConfigurationError
from dropscape.jobs import Job, perform
from dropscape.subnetworks import cnn_stage
from dropscape.subnetworks.accuracies_stage import join_widths
from dropscape.subnetworks.bounds import max_norm, theorem_bounds
from dropscape.subnetworks.cnn_stage import train_cnn
from dropscape.subnetworks.cnn_training import CnnRun
from dropscape.subnetworks.distributions import Caps
from dropscape.subnetworks.stage import train_two_layer
from dropscape.subnetworks.two_layer import Algorithm1Run

TWO_LAYER = {
    "data": {"distribution": "caps", "dimension": 5, "separation": 0.4, "test_examples": 30},
    "widths": [20, 50],
    "keep_probs": [0.5, 0.9],
    "seeds": [0, 3],
    "learning_rate": 0.5,
    "steps": 40,
    "recorded_steps": 6,
    "max_norm": None,
}
DIGITS = TWO_LAYER | {
    "data": {"dataset": "mnist", "train_examples": 60, "test_examples": 30, "digits": [2, 0]},
    "max_norm": 30.0,
}
CNN = {
    "data": {"dataset": "mnist", "train_examples": 40, "test_examples": 25},
    "widths": [8, 12],
    "keep_probs": [0.2, 0.7],
    "seeds": [0, 3],
    "channels": [2, 3],
    "hidden": 6,
    "learning_rate": 0.5,
    "batch_size": 16,
    "epochs": 2,
    "recorded_steps": 4,
    "random_masks": 3,
    "compared": [],
    "device": "cpu",
}
TABLES = {"two_layer": ("errors", "distances", "margins"), "cnn": ("accuracies",)}


@pytest.fixture
def images(tmp_path):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (100,), generator=generator)
    pixels = torch.randint(256, (100, 14, 14), dtype=torch.uint8, generator=generator)
    description = {"dataset": "mnist", "source": "embedded", "origin": "made here", "classes": 3, "label": "tiny"}
    data = Dataset("mnist", pixels[:70], labels[:70], pixels[70:], labels[70:], description)
    write_prepared(tmp_path / "mnist.safetensors", tmp_path / "mnist.json", data)
    return str(tmp_path / "mnist.safetensors")


def written(tmp_path, kind, settings, data, every=1e9, folder="out"):
    """The tables by name, and the provenance."""
    paths = {name: str(tmp_path / folder / f"{name}.csv") for name in TABLES[kind]}
    inputs = {"code": __file__} | ({} if data is None else {"data": data})
    job = Job(f"subnetworks_{kind}", "run", settings, inputs, paths, tmp_path / "checkpoints", every)
    perform({"two_layer": train_two_layer, "cnn": train_cnn}[kind], job)
    assert not (tmp_path / "checkpoints").exists()
    return {name: read_table(path) for name, path in paths.items()}, job._records[-1]


def test_two_layer_networks_on_a_distribution(tmp_path):
    tables, record = written(tmp_path, "two_layer", TWO_LAYER, None)
    whose = ["width", "keep_prob", "seed"]
    errors, distances, margins = tables.values()
    assert list(errors) == [*whose, "step", "error_full", "error_visited", "loss_full", "loss_visited", "loss_small",
                            "mean_error_full", "mean_error_visited", "mean_loss", "loss_bound", "competitors_loss",
                            "largest_linearised", "smallest_margin", "largest_margin",
                            "active_width", "most_active"]  # fmt: skip
    assert list(distances) == [*whose, "step", "largest", "mean", "largest_norm", "flipped", "projected", "bound"]
    assert list(margins) == [*whose, "learning_rate", "steps", "gamma", "attained", "lambda", "required_width",
                             "error_bound", "compression_bound", "informative_steps", "distance_bound",
                             "active_bound"]  # fmt: skip
    networks = {(width, q, seed) for width in (20, 50) for q in (0.5, 0.9) for seed in (0, 3)}
    for table in (errors, distances):
        steps = table.groupby(whose)["step"].apply(list)
        assert set(steps.index) == networks
        assert all(course[0] == 0 and course[-1] == 40 and len(course) == 6 for course in steps)
        assert not table[table["step"] > 0].isna().any(axis=None)
    assert set(margins[whose].itertuples(index=False, name=None)) == networks
    for row in margins.itertuples():
        c = max_norm(5, row.width, 0.2 * row.keep_prob)
        bounds = theorem_bounds(0.2 * row.keep_prob, 0.5, 40, row.width, c, 0.05)
        assert row.gamma == pytest.approx(Caps(5, 0.4).margin(row.keep_prob)) == pytest.approx(0.2 * row.keep_prob)
        for name in ("required_width", "error_bound", "distance_bound"):
            assert getattr(row, name) == pytest.approx(bounds[name])
        course = distances[(distances[whose] == [row.width, row.keep_prob, row.seed]).all(axis=1)]
        assert course["bound"].unique() == pytest.approx([c])
    assert (record["stage"], record["parameters"], record["data"]) == ("subnetworks", TWO_LAYER, None)


def test_two_layer_networks_on_two_digits(tmp_path, images):
    tables, record = written(tmp_path, "two_layer", DIGITS, images)
    margins = tables["margins"]
    assert (margins["attained"] < margins["gamma"]).all() and margins["lambda"].notna().all()
    per_unit = margins["gamma"] / margins["keep_prob"]
    assert per_unit.std() < 1e-12  # the margin grows with q
    assert set(tables["distances"]["bound"]) == {30.0}
    assert record["data"]["origin"] == "made here"
    shares = tables["errors"]["error_full"].unique()
    chosen = int((read_tensors(images)[0]["test_labels"] != 1).sum())
    np.testing.assert_allclose(shares * chosen, np.round(shares * chosen), atol=1e-9)


def test_convolutional_networks(tmp_path, images):
    tables, record = written(tmp_path, "cnn", CNN, images)
    table = tables["accuracies"]
    assert list(table) == ["width", "dropped_share", "run", "step", "network", "mask", "accuracy"]
    courses = table.groupby(["width", "dropped_share", "run"])
    assert set(courses.groups) == {(m, share, run) for m in (8, 12) for share in (0.8, 0.3) for run in (0, 3)}
    for _, course in courses:
        assert sorted(course["step"].unique())[::3] == [0, 6]
        for _, now in course.groupby("step"):
            assert now["network"].tolist() == ["full", "visited", "pruned", "random", "random", "random"]
            assert now["mask"].tolist() == [-1, -1, -1, 0, 1, 2]
    assert table["accuracy"].between(0, 1).all() and table["accuracy"].nunique() >= 4
    assert (record["stage"], record["parameters"], record["device"]) == ("subnetworks", CNN, "cpu")


def test_trainings_that_are_compared_stand_beside_the_width(tmp_path, images):
    """Those with dropout are as without them; the one alone has as many units as are kept, and no sub-networks."""
    compared = CNN | {"compared": ["per_example", "plain", "alone"]}
    whole, _ = written(tmp_path, "cnn", compared, images)
    table = whole["accuracies"]
    counts = table[(table["width"] == 12) & (table["step"] == 6)].groupby(["dropped_share", "run", "network"]).size()
    for share, run in ((0.8, 0), (0.3, 3)):
        found = counts[share, run].to_dict()
        assert found == {
            **{"full": 1, "visited": 1, "pruned": 1, "random": 3, "full_alone": 1},
            **{f"{name}_{training}": count for name, count in (("full", 1), ("random", 3))
               for training in ("per_example", "plain")},
        }  # fmt: skip
    without, _ = written(tmp_path, "cnn", CNN, images, folder="without")
    own = table[~table["network"].str.contains("_")].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, without["accuracies"])
    narrow = CNN | {"widths": [8], "keep_probs": [1.0], "random_masks": 0}  # of 12 units at a keep probability of 0.7
    alone, _ = written(tmp_path, "cnn", narrow, images, folder="alone")
    expected = alone["accuracies"].query("network == 'full'").sort_values(["run", "step"])["accuracy"]
    rows = table[(table["network"] == "full_alone") & (table["width"] == 12) & (table["dropped_share"] == 0.3)]
    assert rows.sort_values(["run", "step"])["accuracy"].tolist() == expected.tolist()


@pytest.mark.parametrize("kind, settings", [("two_layer", TWO_LAYER), ("two_layer", DIGITS), ("cnn", CNN)])
def test_an_interrupted_experiment_goes_on_where_it_was(tmp_path, images, monkeypatch, kind, settings):
    """Broken off in one of the last trainings; what is done of it and those before it are not trained again."""
    data = images if "dataset" in settings["data"] else None
    whole, _ = written(tmp_path, kind, settings, data, folder="whole")
    run = {"two_layer": Algorithm1Run, "cnn": CnnRun}[kind]
    total = 40 * 2 if kind == "two_layer" else 3 * 2 * 8
    steps, advance = [], run._advance

    def counted(self):
        before = self.step
        advance(self)
        steps.append(self.step - before)
        if sum(steps) > 0.8 * total:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "_advance", counted)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, kind, settings, data, every=0)
    done = sum(steps[:-1])
    steps.clear()
    resumed, _ = written(tmp_path, kind, settings, data, every=0)
    assert total / 2 < done and sum(steps) == total - done
    for name, table in whole.items():
        pd.testing.assert_frame_equal(resumed[name], table)


def test_networks_side_by_side_make_the_same_table(tmp_path, images, monkeypatch):
    """In groups of three and one of a width."""
    alone, _ = written(tmp_path, "cnn", CNN, images, folder="alone")
    sizes = []

    def threes(config, *_):
        chosen = slice(None, 3), slice(3, None)
        parts = [replace(config, keep_probs=config.keep_probs[few], seeds=config.seeds[few]) for few in chosen]
        sizes.extend(len(part.seeds) for part in parts)
        return parts

    monkeypatch.setattr(cnn_stage, "side_by_side", threes)
    together, _ = written(tmp_path, "cnn", CNN, images)
    assert sizes == [3, 1, 3, 1]
    pd.testing.assert_frame_equal(together["accuracies"], alone["accuracies"])


def test_a_width_that_does_not_fit_is_refused_before_anything_is_trained(tmp_path, images, monkeypatch):
    monkeypatch.setattr(cnn_stage, "available_bytes", lambda device: 2**30)
    monkeypatch.setattr(CnnRun, "finish", lambda *_, **__: pytest.fail("a training has begun"))
    with pytest.raises(ConfigurationError, match="width 90,000,000 takes"):
        written(tmp_path, "cnn", CNN | {"widths": [8, 90_000_000]}, images)
    assert not Path(tmp_path / "out").exists()


def test_points_are_no_images(tmp_path):
    write_prepared(tmp_path / "points", tmp_path / "points.json", OneNeuron.embedded())
    with pytest.raises(ConfigurationError, match=r"square grey images.*\(10,\)"):
        written(tmp_path, "cnn", CNN, str(tmp_path / "points"))


def test_the_widths_are_joined(tmp_path, images):
    """The table of a width a job is that of all of them in one."""
    whole, _ = written(tmp_path, "cnn", CNN, images)
    for width in CNN["widths"]:
        written(tmp_path, "cnn", CNN | {"widths": [width]}, images, folder=str(width))
    joined = str(tmp_path / "joined.csv")
    inputs = {"accuracies": [str(tmp_path / str(width) / "accuracies.csv") for width in CNN["widths"]]}
    join_widths(Job("subnetworks_accuracies", "run", {}, inputs, {"accuracies": joined}))
    pd.testing.assert_frame_equal(read_table(joined), whole["accuracies"])
