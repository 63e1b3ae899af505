"""Every command of docs/command-line.md, at the smoke scale."""

import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.test_documentation import blocks

PAGE = Path(__file__).resolve().parents[2] / "docs/command-line.md"
COMMANDS = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
MORE = ["--scale", "smoke", "--cores", "2"]
# What the test gives instead of what a reader would, so that no more than one figure is made.
INSTEAD = {
    "claims": ["--figures", "[fig2d]", *MORE],
    "fetch": ["--studies", "[subnetworks]", "--source", "embedded", *MORE],
    "compare": [],
}


@pytest.fixture(scope="module")
def folder(smoke, tmp_path_factory):
    """A clone with fig2d at the smoke scale, and a second one whose results are compared with it."""
    clone = smoke.clone_with_results(tmp_path_factory.mktemp("clone") / "dropscape")
    (clone.root / "docs").mkdir()
    (clone.root / "docs/columns.yaml").write_bytes((PAGE.parent / "columns.yaml").read_bytes())
    (clone.root / "CITATION.cff").write_bytes((PAGE.parents[1] / "CITATION.cff").read_bytes())
    other = clone.root / "path/to/other/results"
    other.parent.mkdir(parents=True)
    other.symlink_to(clone.root / "results")
    (clone.root / "results/quick").symlink_to("smoke")
    return clone.root


@pytest.mark.needs("noise_structure-fig2d")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[1])
def test_a_command_of_the_page_works(folder, command):
    program, name, *words = shlex.split(command)
    assert program == "dropscape"
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "dropscape", name, *words, *INSTEAD.get(name, MORE)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    CHECKS[name](folder, done.stdout)


def of_figure(folder, said):
    (own,) = (folder / "results/custom").glob("noise_structure-fig2d-*")
    written = yaml.safe_load((own / "config.yaml").read_text())
    assert written["seeds"] == [0, 1, 2] and (own / "config.yaml").read_text() in said
    points = pd.read_csv(own / "smoke/figures/noise_structure-fig2d.csv")
    assert set(points["keep_prob"]) == {0.6, 0.7} and set(points["seed"]) == {0, 1, 2}
    description = (own / "smoke/figures/noise_structure-fig2d.json").read_text()
    assert "keep probabilities 0.6 / 0.7 for" in description and "Own settings, after Paper A" in description
    made = {path.name for path in (own / "smoke/training").iterdir()}
    assert made == {"mnist_fnn"} and len(list((own / "smoke/figures").glob("*.png"))) == 1


def of_plan(folder, said):
    assert "Scale smoke" in said or "nothing left to be made" in said


def of_claims(folder, said):
    claims = pd.read_csv(folder / "results/smoke/claims/claims.csv")
    assert set(claims["figure"]) == {"noise_structure-fig2d"}
    assert all(name in said for name in claims["claim"])


def of_compare(folder, said):
    assert re.search(r"0 of \d+ figures differ", said) and (folder / "comparison/comparison.html").is_file()


def of_export(folder, said):
    with zipfile.ZipFile(folder / "fig2d.zip") as archive:
        names = set(archive.namelist())
    assert {"figures/noise_structure-fig2d.pdf", "columns.yaml", "SHA256SUMS"} <= names
    assert any(name.startswith("tables/flatness/mnist_fnn/") for name in names)


def of_archive(folder, said):
    with zipfile.ZipFile(folder / "run.zip") as archive:
        names = set(archive.namelist())
    assert {"ro-crate-metadata.json", "checklist.md", "workflow/Snakefile"} <= names
    assert "results/figures/noise_structure-fig2d.svg" in names


def of_fetch(folder, said):
    assert "mnist: MNIST, 4,000 + 1,000 real digits" in said


CHECKS = {
    "figure": of_figure,
    "plan": of_plan,
    "claims": of_claims,
    "compare": of_compare,
    "export": of_export,
    "archive": of_archive,
    "fetch": of_fetch,
}
