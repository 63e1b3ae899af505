"""The slices of a run's end points."""

import numpy as np
import torch

from dropscape.artifacts.files import read_table
from dropscape.data.dataset import as_inputs
from dropscape.flatness.slices import filter_normalised_direction
from dropscape.flatness.slices_stage import slice_loss
from dropscape.models.losses import cross_entropy_per_example
from dropscape.models.registry import initialised
from dropscape.models.restored import restored
from tests.stage_job import SLICES, TINY_RUN, run_stage, write_networks, write_tiny_images

SETTINGS = TINY_RUN | SLICES


def made(tmp_path, offset=0, **changes):
    """The stage on networks of the initialisations of seeds 0 and 4, or of seeds ``offset`` further on."""
    data = write_tiny_images(tmp_path / "data")
    states = [initialised(SETTINGS["model"], seed + offset).state_dict() for seed in SETTINGS["seeds"]]
    inputs = {"data": str(tmp_path / "data"), "model": write_networks(tmp_path / "model", states)}
    outputs = {name: str(tmp_path / name) for name in ("slices", "slice_widths")}
    assert run_stage(slice_loss, "flatness_slices", SETTINGS | changes, inputs, outputs)["stage"] == "flatness"
    return data, states, read_table(outputs["slices"]), read_table(outputs["slice_widths"])


def test_a_slice_is_the_loss_along_the_seeds_direction(tmp_path):
    data, states, slices, widths = made(tmp_path)
    assert len(slices) == 2 * 2 * 5 and len(widths) == 2 * 2 * 2 * 2
    network = restored(SETTINGS["model"], states[1])
    direction = filter_normalised_direction(network, seed=4, index=1)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value += 0.5 * direction[name]
        expected = cross_entropy_per_example(network(as_inputs(data.train_images)), data.train_labels).mean()
    rows = slices[(slices["seed"] == 4) & (slices["direction"] == 1) & np.isclose(slices["alpha"], 0.5)]
    assert np.isclose(rows["loss"].item(), float(expected), rtol=1e-5)
    judged = widths[widths["judged"]]
    assert len(judged) == 2 * 2 and set(judged["rise"]) == {0.05} and set(judged["moved"]) == {"weights"}
    assert (widths["floor"] == 0).all() and widths["half_width"].notna().all()
    narrower = widths.pivot(index=["seed", "direction", "moved"], columns="rise", values="half_width")
    assert (narrower[0.02] < narrower[0.05]).all()


def test_widths_and_curves_are_those_of_one_loss(tmp_path):
    _, _, slices, widths = made(tmp_path)
    centre = slices[slices["alpha"].abs() < 1e-9].set_index(["seed", "direction"])["loss"]
    judged = widths[widths["judged"]].set_index(["seed", "direction"])
    assert np.allclose(judged["loss0"], centre[judged.index], rtol=1e-6)
    for key, row in judged.iterrows():
        rows = slices[(slices["seed"] == key[0]) & (slices["direction"] == key[1])]
        within = rows[(rows["alpha"] > row["left"]) & (rows["alpha"] < row["right"])]
        assert (within["loss"] < row["loss0"] + row["rise"]).all()


def test_another_end_point_is_cut_in_the_same_gaussian_direction(tmp_path):
    _, states, *_ = made(tmp_path)
    others = [initialised(SETTINGS["model"], seed + 7).state_dict() for seed in SETTINGS["seeds"]]
    one, other = (
        filter_normalised_direction(restored(SETTINGS["model"], state[0]), seed=0) for state in (states, others)
    )
    for name, value in one.items():
        if value.ndim > 1:
            cosine = torch.cosine_similarity(value.flatten(), other[name].flatten(), dim=0)
            assert float(cosine) > 1 - 1e-5


def test_rises_may_be_multiples_of_what_the_output_0_has_as_its_squared_error(tmp_path):
    one_hot = SETTINGS["data"] | {"one_hot": True}
    *_, widths = made(tmp_path, data=one_hot, loss="mse", rises=[0.5, 2], of_zero_output=True)
    assert sorted(set(widths["rise"])) == [0.25, 1]  # every one-hot target has a squared error of 1/2
    assert set(widths.loc[widths["judged"], "rise"]) == {0.25}
