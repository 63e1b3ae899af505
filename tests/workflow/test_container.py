"""The image: what its file copies and who it runs as; and that jobs run in the image that the configuration names."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.workflow.project import ROOT, Project

# Stands for Apptainer: notes the image of each job and runs its command outside of any, with this Python as its own.
APPTAINER = """#!/bin/sh
export PATH="{python}:$PATH"
case "$1" in --version) echo "apptainer version 1.3.4"; exit 0;; esac
while [ "$1" != "{image}" ]; do shift; done
echo "$1" >> "{notes}"
shift
exec "$@"
"""


def stages() -> list[str]:
    return re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]


def test_the_image_runs_without_rights_on_what_the_locks_pin_for_running():
    base, image = stages()
    assert re.findall(r"^USER (\w+)", base + image, re.MULTILINE)[-1] == "dropscape"
    assert image.startswith("base AS image") and "prepare.py RUNTIME" in image
    assert "useradd" in base and re.search(r"^WORKDIR /dropscape$", base, re.MULTILINE)


def test_the_image_gets_every_file_that_the_workflow_reads_and_no_results(tmp_path):
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    kept = [name for name in tracked if name.split("/")[0] not in ignored]
    for folder in ("config", "envs", "src", "workflow"):
        assert [name for name in kept if name.startswith(f"{folder}/")], folder
    assert {"Snakefile", "pyproject.toml", "README.md", "LICENSE"} <= set(kept)
    assert {".venv", "results/*", ".snakemake"} <= set(ignored)


def test_a_job_runs_in_the_image_that_the_configuration_names(tmp_path, monkeypatch):
    project, image, notes = Project(ROOT).clone(tmp_path / "clone"), tmp_path / "dropscape.sif", tmp_path / "notes"
    image.write_text("an image")
    program = tmp_path / "bin/apptainer"
    program.parent.mkdir()
    program.write_text(APPTAINER.format(image=image, notes=notes, python=Path(sys.executable).parent))
    program.chmod(0o755)
    (program.parent / "singularity").symlink_to(program)
    environment = project.environment | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    target = "results/smoke/data/one_neuron.safetensors"
    done = project.run(target, "--sdm", "apptainer", environment=environment, container=image)
    assert done.returncode == 0 and project.path(target).is_file(), done.stdout
    assert set(notes.read_text().split()) == {str(image)}
    without = project.run(target, "--forcerun", "data", environment=environment, container=image)
    assert without.returncode == 0 and len(notes.read_text().split()) == 1, without.stdout
