"""The sampling stage takes the fast sampler where there is one, and the general one elsewhere."""

import pytest
import torch

from dropscape.artifacts.tensors import read_tensors
from dropscape.data.dataset import as_inputs
from dropscape.dropout.layers import set_keep_prob
from dropscape.models.losses import cross_entropy_per_example
from dropscape.models.registry import initialised
from dropscape.models.restored import restored
from dropscape.sampling.closed_form import closed_form_gradients
from dropscape.sampling.modules import masked_draws
from dropscape.sampling.stage import sample_gradients
from tests.stage_job import TINY_RUN, run_stage, write_networks, write_tiny_images

SETTINGS = TINY_RUN | {
    "block": ["layers.1.weight"],
    "keep_prob": 0.8,
    "dropout_after": 1,
    "mask_mode": "per_example",
    "micro_batch": 256,
    "precision": "float32",
    "samples": 3,
    "held_out": 4,
}


@pytest.mark.parametrize(("keep_prob", "after"), [(0.8, 1), ([0.8, 0.5], [1, 2])])
def test_gradients_of_every_seed(keep_prob, after, tmp_path):
    settings = SETTINGS | {"keep_prob": keep_prob, "dropout_after": after}
    data = write_tiny_images(tmp_path / "data")
    states = [initialised(settings["model"], seed).state_dict() for seed in settings["seeds"]]
    inputs = {"data": str(tmp_path / "data"), "model": write_networks(tmp_path / "model", states)}
    outputs = {"gradients": str(tmp_path / "gradients")}
    record = run_stage(sample_gradients, "sampling", settings, inputs, outputs)
    tensors, metadata = read_tensors(outputs["gradients"])
    written = tensors["gradients"]
    assert written.shape == (2, 3, 30) and record["stage"] == "sampling" and metadata == record
    for rows, state, seed in zip(written, states, settings["seeds"], strict=True):
        model = restored(settings["model"], state, with_dropout=True)
        given = (model, settings["block"], as_inputs(data.train_images), data.train_labels)
        if keep_prob == 0.8:
            expected = closed_form_gradients(*given, keep_prob=0.8, dropout_after=1, samples=3, seed=seed)
        else:
            set_keep_prob(model, keep_prob)
            draws = masked_draws(*given, cross_entropy_per_example, samples=3, seed=seed)
            expected = torch.stack([row for _, row in draws])
        assert torch.equal(rows, expected)
    # Gradients that are held out have masks of their own.
    others = tensors["held_out"]
    assert others.shape == (2, 4, 30) and not (others[:, :, None] == written[:, None]).all(-1).any()
