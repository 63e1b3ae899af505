"""The workflow as a module of somebody else's."""

import subprocess
import sys

import pytest

from tests.workflow.project import ROOT, SECONDS, Project, jobs_in

FIGURE = "results/smoke/figures/implicit_regularization-fig11.png"
PARENT = (
    """
configfile: "parent.yaml"

module dropscape:
    snakefile: "clone/workflow/Snakefile"
    config: config["dropscape"]

use rule * from dropscape as dropscape_*

rule other:
    input: FIGURE
    output: "other.txt"
    params: settings={{"a": 1}}
    script: "other.py"
""".replace("FIGURE", repr(FIGURE))
    .replace("{{", "{")
    .replace("}}", "}")
)


@pytest.fixture
def parent(tmp_path):
    """A workflow of its own beside a clone, with a rule of its own that reads a figure of dropscape."""
    project = Project(ROOT).clone(tmp_path / "clone")
    (tmp_path / "Snakefile").write_text(PARENT)
    (tmp_path / "parent.yaml").write_text("mine: 1\ndropscape: {scale: smoke}\n")
    (tmp_path / "other.py").write_text("from pathlib import Path\nPath(snakemake.output[0]).touch()\n")
    return project


def run(project, *arguments):
    profile = ["--workflow-profile", "clone/workflow/profiles/default"]
    command = [word for word in project.command(*profile, *arguments) if word not in ("--config", "scale=smoke")]
    environment = {key: value for key, value in project.environment.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=project.root.parent, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_rules_have_a_prefix_and_the_parents_rule_none_of_ours(parent):
    ran = {job.rule: job for job in jobs_in(run(parent, "other.txt"))}
    assert set(ran) == {"dropscape_theory", "dropscape_figures", "other"}
    assert ran["other"].inputs == (FIGURE,)
    assert any(
        path.endswith("theory/implicit_regularization/interpolants.json") for path in ran["dropscape_theory"].inputs
    )
    folder = parent.root.parent
    assert (folder / "other.txt").exists() and not (parent.root / "results").exists()
    provenance = folder / "results/smoke/theory/implicit_regularization/interpolants.provenance.json"
    assert '"stage": "theory"' in provenance.read_text()
    assert "Nothing to be done" in run(parent, "other.txt")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="these files are in no repository")
def test_an_address_in_the_place_of_a_clone_is_refused(tmp_path):
    """As snakedeploy writes it: a remote file has no library beside it."""
    module = f'module dropscape:\n    snakefile: gitfile("{ROOT}", path="workflow/Snakefile", commit="HEAD")\n'
    (tmp_path / "Snakefile").write_text(f"{module}use rule * from dropscape as dropscape_*\n")
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode != 0
    assert "need the library and the configuration beside them: clone its repository" in done.stdout + done.stderr
