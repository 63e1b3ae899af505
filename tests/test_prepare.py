"""The environment that make sets up: made where it is missing, anew where it is broken, pointed here where moved."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "envs/prepare.py"


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """The script in an empty folder, with commands noted in ``ran``, not run; a venv has a link to this Python."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["prepare.py"])
    spec = importlib.util.spec_from_file_location("prepare", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ran = []

    def call(*command):
        module.ran.append(command)
        if "venv" in command:
            (tmp_path / ".venv/bin").mkdir(parents=True)
            (tmp_path / ".venv/bin/python").symlink_to(sys.executable)

    def works(*command):
        if command[-1] == module.HAS_TORCH:
            return module.has_torch
        module.ran.append(command)
        return module.has_build_for_processors

    module.has_torch, module.has_build_for_processors = False, True
    monkeypatch.setattr(module, "call", call)
    monkeypatch.setattr(module, "works", works)
    real = subprocess.run
    monkeypatch.setattr(module.subprocess, "run", lambda c, **k: None if "compileall" in c else real(c, **k))
    return module


def made_venv(prepare) -> bool:
    return any("venv" in command for command in prepare.ran)


def test_an_old_python_is_refused_before_anything_is_made(prepare, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(
        SystemExit, match=r"Python 3\.11 or newer is needed, but .* is Python 3\.10: write make PYTHON="
    ):
        prepare.main()
    assert not prepare.ran and not (tmp_path / ".venv").exists()


def test_the_script_is_readable_for_an_old_python():
    ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_a_new_environment_knows_its_folder(prepare, tmp_path):
    prepare.main()
    assert made_venv(prepare)
    assert (tmp_path / ".venv/up-to-date").read_text() == str(tmp_path)
    assert [command[-1] for command in prepare.ran[1:]] == ["envs/torch-cpu.lock", "envs/test.lock", "."]


def test_without_a_build_for_processors_the_index_gives_torch_and_nothing_is_taken_unseen(prepare):
    prepare.has_build_for_processors = False
    prepare.main()
    *locked, own = prepare.ran[1:]
    assert [[word for word in command if str(word).endswith(".lock")] for command in locked] == [
        ["envs/torch-cpu.lock"],
        ["envs/torch.lock"],
        ["envs/runtime.lock", "envs/test.lock"],
    ]
    assert all({"--no-deps", "--require-hashes"} <= set(command) for command in locked)
    assert {"--no-deps", "--no-build-isolation"} <= set(own)


def test_another_build_of_the_same_torch_that_was_installed_by_hand_stays(prepare, tmp_path, monkeypatch):
    prepare.has_torch = True
    prepare.main()
    assert not any("torch" in str(word) for command in prepare.ran for word in command)
    (tmp_path / "envs").mkdir()
    for line, code in (
        ("torch==2.13.0+cpu \\\n", 0),
        ("torch==2.14.0+cpu \\\n", 1),
        ("torch==2.13+cpu \\\n", 1),
    ):
        (tmp_path / "envs/torch-cpu.lock").write_text(f"# A line.\n{line}    --hash=sha256:00\n")
        installed = "import importlib.metadata as m; m.version = lambda name: '2.13.0+cu130'\n"
        done = subprocess.run([sys.executable, "-c", installed + prepare.HAS_TORCH], capture_output=True, check=False)
        assert done.returncode == code


@pytest.mark.parametrize("broken", ["no pip", "no python", "an old python"])
def test_what_is_broken_is_made_anew(prepare, tmp_path, broken):
    folder = tmp_path / ".venv/bin"
    folder.mkdir(parents=True)
    said = {"no pip": "exit 1", "an old python": "echo 3.9", "no python": ""}[broken]
    if said:
        (folder / "python").write_text(f"#!/bin/sh\n{said}\n")
        (folder / "python").chmod(0o755)
    (folder / "left").touch()
    prepare.main()
    assert made_venv(prepare) and not (folder / "left").exists()


def test_another_python_that_is_asked_for_replaces_the_environment_and_none_keeps_it(prepare, tmp_path, monkeypatch):
    folder = tmp_path / ".venv/bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text("#!/bin/sh\necho 3.99\n")
    (folder / "python").chmod(0o755)
    prepare.main()
    assert not made_venv(prepare)
    monkeypatch.setattr(sys, "argv", ["prepare.py", "PYTHON"])
    prepare.main()
    assert made_venv(prepare)


def test_commands_of_an_environment_that_was_moved_start_its_own_python(prepare, tmp_path):
    prepare.main()
    command = tmp_path / ".venv/bin/snakemake"
    command.write_bytes(b"#!/elsewhere/.venv/bin/python\nimport sys\n")
    command.chmod(0o755)
    other = tmp_path / ".venv/bin/other"
    other.write_bytes(b"#!/bin/sh\ntrue\n")
    prepare.ran.clear()
    prepare.main()
    assert not made_venv(prepare)
    assert command.read_bytes() == b"#!" + os.fsencode(tmp_path / ".venv/bin/python") + b"\nimport sys\n"
    assert os.access(command, os.X_OK) and other.read_bytes() == b"#!/bin/sh\ntrue\n"
