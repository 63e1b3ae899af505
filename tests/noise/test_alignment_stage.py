"""The alignment stage: a row for each step, seed and keep probability, and the certificates behind each."""

import torch

from dropscape.artifacts.files import read_table
from dropscape.artifacts.tensors import write_tensors
from dropscape.models.registry import initialised
from dropscape.noise.alignment_stage import measure_alignment
from tests.stage_job import TINY_RUN, run_stage, write_tiny_images


def test_every_step_is_measured_and_certified(tmp_path):
    write_tiny_images(tmp_path / "data")
    states = [
        [initialised(TINY_RUN["model"], 10 * seed + step).state_dict() for step in range(2)]
        for seed in TINY_RUN["seeds"]
    ]
    stacked = {
        name: torch.stack([torch.stack([state[name] for state in steps]) for steps in states]) for name in states[0][0]
    }
    write_tensors(tmp_path / "snapshots", stacked, {"steps": [0, 7]})
    settings = TINY_RUN | {"keep_probs": [0.5, 0.9], "mask_draws": 2, "samples": 30, "eigenvector_steps": 1}
    settings |= {"dropout_after": 1, "block": ["layers.1.weight"], "mask_mode": "per_example", "micro_batch": 12}
    settings |= {"precision": "float32"}
    inputs = {"data": str(tmp_path / "data"), "snapshots": str(tmp_path / "snapshots")}
    outputs = {"alignment": str(tmp_path / "alignment")}
    record = run_stage(measure_alignment, "noise_alignment", settings, inputs, outputs)
    seeds = len(TINY_RUN["seeds"])
    assert len(read_table(outputs["alignment"])) == 2 * seeds * 2
    certificates = record["certificates"]
    assert [(one["step"], one["seed"]) for one in certificates] == [
        (step, seed) for step in (0, 7) for seed in TINY_RUN["seeds"]
    ]
    for one in certificates:
        checked = [one[name]["verdict"] for name in ("hessian", "gradients, keep_prob 0.5", "gradients, keep_prob 0.9")]
        assert checked == ["passed"] * 3
