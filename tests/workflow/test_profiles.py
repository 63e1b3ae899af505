"""The profiles differ in how jobs run, never in what is run again; what they do with GPUs and with short jobs."""

import os
import re

import pytest
import yaml

from dropscape.gpus import held_one, visible_gpus
from tests.workflow.project import ROOT

RUN = "mnist_fnn/keep0.9-lr0.1"
PROFILES = {
    path.parent.name: yaml.safe_load(path.read_text()) for path in (ROOT / "workflow/profiles").glob("*/config.yaml")
}


@pytest.mark.parametrize("name", ["gpu", "slurm"])
def test_every_profile_decides_alike_what_is_run_again(name):
    common = {key: value for key, value in PROFILES["default"].items() if key != "cores"}
    assert {"nolock", "rerun-triggers", "max-checksum-file-size", "keep-going", "rerun-incomplete"} <= common.keys()
    assert {key: PROFILES[name].get(key) for key in common} == common


def test_the_slurm_profile_names_no_site():
    text = (ROOT / "workflow/profiles/slurm/config.yaml").read_text()
    assert not re.search(
        r"^\s*(slurm_)?(account|partition|qos)\b|slurm[-_](account|partition|qos)\s*:", text, re.MULTILINE
    )


def test_a_job_on_a_gpu_takes_one_that_is_free_and_another_job_takes_none(copy, tmp_path, monkeypatch):
    """Two pretend GPUs, the first of them held by another workflow."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    first, second = visible_gpus()
    folder = tmp_path / f"dropscape-gpus-{os.getuid()}"
    profile = ("--workflow-profile", "workflow/profiles/gpu")
    with held_one([first], folder):
        for rule, path, taken in (
            ("curvature", f"curvature/{RUN}/hessian.safetensors", {first}),
            ("sampling", f"sampling/{RUN}/gradients.safetensors", {first, second}),
        ):
            target = f"results/smoke/{path}"
            copy.path(target).unlink()
            assert [job.name for job in copy.succeeded(*profile, target)] == [f"{rule} {RUN}"]
            assert {held.name for held in folder.iterdir()} == taken


def test_what_takes_minutes_shares_a_submission_and_nothing_waits_beside_a_gpu(smoke):
    """At the paper scale; the jobs of a submission are indented in what a dry run lists."""
    listed = smoke.run(
        "--dry-run", "--workflow-profile", "workflow/profiles/slurm", scale="paper", source="official", device="cuda"
    )
    assert listed.returncode == 0, listed.stdout
    alone = re.findall(r"^rule (\w+):", listed.stdout, flags=re.MULTILINE)
    gpus = {}
    groups = re.findall(r"Group job ([a-z]+).*\n((?:(?:    .*)?\n)*)", listed.stdout)
    for kind, jobs in groups:
        gpus.setdefault(kind, set()).update(re.findall(r"^        resources: .*\bgpu=(\d)", jobs, flags=re.MULTILINE))
    on_processor = {kind: {"0"} for kind in ("run", "short", "measurements")}
    assert gpus == on_processor | {"gpu": {"1"}, "figures": set(), "claims": set()}
    shared = sum(len(re.findall(r"^    rule ", jobs, flags=re.MULTILINE)) for _, jobs in groups)
    assert 1.5 * (len(alone) + len(groups)) < len(alone) + shared
    assert {"training", "sampling", "noise_alignment"} <= set(alone)
