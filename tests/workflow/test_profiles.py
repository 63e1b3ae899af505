"""The profiles differ in how jobs run, never in what is run again; what they do with GPUs and with short jobs."""

import os
import re

import pytest
import yaml

from dropscape.gpus import held_share, visible_gpus
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


def test_a_job_takes_slots_of_the_gpu_that_has_them_free_and_a_job_without_gpu_takes_none(copy, tmp_path, monkeypatch):
    """Two pretend GPUs, one with a slot that is held elsewhere; the job needs more than the 1.5 GB of a slot."""
    program = tmp_path / "bin/nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 0, GPU-a, 3000\necho 1, GPU-b, 3000\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    first, second = visible_gpus()
    folder = tmp_path / f"dropscape-gpus-{os.getuid()}"
    profile = ("--workflow-profile", "workflow/profiles/gpu")
    with held_share({first: 3000}, folder, slots=2):
        for rule, path, taken in (
            ("noise_spectrum", f"noise/{RUN}/spectrum.csv", 0),
            ("sampling", f"sampling/{RUN}/gradients.safetensors", 2),
        ):
            target = f"results/smoke/{path}"
            copy.path(target).unlink()
            assert [job.name for job in copy.succeeded(*profile, target, gpu_slots=2)] == [f"{rule} {RUN}"]
            assert len(list(folder.glob(f"{second}.[0-9]"))) == taken


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
    assert gpus == on_processor | {"gpu": {"1"}, "claims": set()}
    shared = sum(len(re.findall(r"^    rule ", jobs, flags=re.MULTILINE)) for _, jobs in groups)
    assert 1.5 * (len(alone) + len(groups)) < len(alone) + shared
    assert {"training", "sampling", "noise_alignment"} <= set(alone)
