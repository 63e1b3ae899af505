"""Every scale is a workflow that can start, and its files are well formed."""

import subprocess
import sys

import pytest
import yaml

from dropscape.config.load import load_settings
from dropscape.report.summary import summary
from tests.workflow.project import ROOT, jobs_in

DIGITS = ("lazy", "rate")  # figures that show paper D's digits
ALWAYS = {"claims", "claims_table", "report", "figures"}
STUDIES = ("noise_structure", "implicit_regularization", "modified_equations", "subnetworks")


@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_scale_can_start(smoke, jobs, scale):
    pending = smoke.pending(scale=scale, source="official")
    runs = {name.split()[1] for name in pending if name.startswith("training ")}
    settings = load_settings({"scale": scale, "source": "official"}, ROOT)
    assert runs == {
        f"{name}/{run}"
        for study in settings.studies.values()
        for name, experiment in study.experiments.items()
        for run in experiment.runs
    }
    # A scale leaves out no run that a study writes by name but these; it shortens the lists of a grid.
    studies = [yaml.safe_load(path.read_text()) for path in smoke.path("config/studies").glob("*.yaml")]
    written = {
        f"{name}/{run}"
        for study in studies
        for name, experiment in study.get("experiments", {}).items()
        for run in experiment.get("runs", {})
    }
    points = points_in(studies) - points_in(settings.model_dump()["studies"].values())
    assert points == {"quick": {"mnist_7x7_deep/keep0.5-lr0.5"}, "paper": set()}[scale]
    left_out = {"cifar10_vgg16/keep0.8-lr0.05", "mnist_fnn_noise/noise-per-example"}
    left_out |= {f"mnist_fnn/keep0.8-lr0.1-{variant}" for variant in ("second", "shared")}
    assert written - runs == {"quick": left_out, "paper": set()}[scale]
    assert {name.split()[0] for name in pending} == {job.rule for job in jobs}


def points_in(studies) -> set[str]:
    """The points of the trajectories of every experiment on the equations."""
    return {
        f"{name}/{run}"
        for study in studies
        for name, experiment in study.get("equations", {}).items()
        for run in (experiment.get("trajectories") or {}).get("runs", {})
    }


def test_one_study_can_be_left_out(smoke):
    names = set(smoke.pending("--forceall", studies="[modified_equations]"))
    assert not any("noise_structure" in name for name in names)
    assert "claims modified_equations" in names and "claims_table" in names


def test_experiments_alone_are_made_to_the_end_also_without_a_claim(copy):
    """Paper D's digits, without the claims about them, have two figures; what was made of the others stays."""
    before = copy.artifacts()
    path = copy.path("config/claims/subnetworks.yaml")
    claims = {name: one for name, one in yaml.safe_load(path.read_text()).items() if "digits" not in name}
    path.write_text(yaml.safe_dump(claims))
    alone = {"experiments": "[mnist_two_digits]"}
    assert set(copy.pending("--forceall", **alone)) == {
        "data mnist",
        "subnetworks_two_layer mnist_two_digits",
        *(f"figures subnetworks-{name}" for name in DIGITS),
        *(f"claims {study}" for study in STUDIES),
        "claims_table",
        "report",
    }
    ran = {job.name for job in copy.succeeded(**alone)}
    assert {"claims subnetworks", "claims_table", "report"} <= ran and {name.split()[0] for name in ran} <= ALWAYS, (
        "figures show fewer experiments"
    )
    assert "No claim." in copy.path("results/smoke/report/report.html").read_text()
    said = summary(copy.path("results/smoke"))
    assert said.startswith("No claim is about what was made.")
    after = copy.artifacts()
    changed = {name.split("/")[0] for name in before if before[name] != after.get(name)}
    assert {"claims", "report"} <= changed <= {"claims", "report", "figures"}


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_both_snakefiles_start_the_same_workflow_from_any_directory(smoke, jobs, tmp_path, snakefile):
    command = [sys.executable, "-m", "snakemake", "--snakefile", smoke.path(snakefile), "--dry-run", "--cores", "1"]
    done = subprocess.run(
        [*command, "--directory", tmp_path, "--config", "scale=smoke"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {job.name for job in jobs_in(done.stdout + done.stderr)} == {job.name for job in jobs}


def test_linter_has_nothing_to_say(smoke):
    done = smoke.run("--lint")
    assert done.returncode == 0, done.stdout
    assert "Congratulations" in done.stdout


def test_rules_are_formatted():
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", ROOT / "workflow"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
