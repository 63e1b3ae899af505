"""Every command of the README is run, in a copy of the repository and at the smoke scale."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dropscape.data.datasets.mnist import Mnist

ROOT = Path(__file__).parents[1]
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    for line in block.strip().splitlines()
]
# What a test gives in the place of the reader's own choice. The default scale takes minutes and differs from smoke
# in numbers only; the tests themselves are not run from within a test, only collected.
INSTEAD = {
    "make reproduce": "make reproduce SCALE=smoke",
    "make test": "python -m pytest --collect-only",
}


def test_the_readme_has_commands():
    assert "make reproduce" in COMMANDS
    assert "make test" in COMMANDS


@pytest.fixture(scope="module")
def copy(tmp_path_factory, smoke):
    """A copy as git would clone it, with the environment of this run and a folder of official MNIST files.

    What the whole smoke scale gave elsewhere is there already.
    """
    target = tmp_path_factory.mktemp("readme") / "dropscape"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    (target / ".venv/bin").mkdir(parents=True)
    # Scripts, not links: a linked interpreter would not find the packages of this environment.
    for program, call in (("python", ""), ("snakemake", "-m snakemake"), ("dropscape", "-m dropscape")):
        script = target / ".venv/bin" / program
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n')
        script.chmod(0o755)
    (target / ".venv/up-to-date").write_text(str(target))
    write_official_files(target / "own-mnist")
    smoke.copy_results(target)
    return target


def write_official_files(folder: Path) -> None:
    dataset = Mnist.embedded()
    folder.mkdir()
    for part, images, labels in (
        ("train", dataset.train_images, dataset.train_labels),
        ("t10k", dataset.test_images, dataset.test_labels),
    ):
        for kind, tensor in (("images-idx3", images), ("labels-idx1", labels.to(torch.uint8))):
            sizes = b"".join(size.to_bytes(4, "big") for size in tensor.shape)
            header = bytes([0, 0, 8, tensor.ndim]) + sizes
            (folder / f"{part}-{kind}-ubyte").write_bytes(header + tensor.numpy().tobytes())


@pytest.mark.parametrize("command", COMMANDS)
def test_command(copy, command):
    command = INSTEAD.get(command, command).replace("path/to/mnist", "own-mnist")
    environment = os.environ | {
        "PATH": f"{copy / '.venv/bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(copy / "src"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(command, shell=True, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    if command.startswith("make reproduce"):
        assert "claims" in done.stdout.lower()
        assert "results/smoke/report/report.html" in done.stdout
        assert (copy / "results/smoke/report/report.html").stat().st_size > 1_000_000
        assert (copy / "results/smoke/figures/noise_structure-fig2d.png").exists()
