"""What the Makefile itself decides: when the environment is set up, what is passed on, and how it ends."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Under a make that runs the tests, what it was given would be passed on to those here.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
PYTHON = '#!/bin/sh\nshift 2\necho "ran $*"\n'


@pytest.fixture
def folder(tmp_path):
    """A folder with the Makefile and an environment, whose Python only says what it was given."""
    made = tmp_path / "clone"
    (made / ".venv/bin").mkdir(parents=True)
    (made / "envs").mkdir()
    for name in ("Makefile", "pyproject.toml", "envs/runtime.lock"):
        shutil.copyfile(ROOT / name, made / name)
    write_python(made, PYTHON)
    (made / ".venv/up-to-date").write_text(str(made))
    return made


def write_python(folder, text):
    (folder / ".venv/bin/python").write_text(text)
    (folder / ".venv/bin/python").chmod(0o755)


def make(folder, *arguments):
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def test_names_of_what_was_given_are_passed_on_and_nothing_else(folder):
    done = make(folder, "reproduce", "SCALE=smoke", "SEEDS=[0, 1]", "RESULTS=my 'results'")
    assert done.returncode == 0, done.stderr
    target, *names = done.stdout.removeprefix("ran ").split()
    assert target == "reproduce" and sorted(names) == ["RESULTS", "SCALE", "SEEDS"]
    assert make(folder, "plan").stdout.split() == ["ran", "plan"]


def test_values_are_in_the_environment(folder):
    write_python(folder, '#!/bin/sh\necho "$RESULTS|$SEEDS"\n')
    assert make(folder, "plan", "RESULTS=my 'results'", "SEEDS=[0, 1]").stdout == "my 'results'|[0, 1]\n"


def test_paper_asks_for_official_files_unless_a_source_is_given(folder):
    write_python(folder, '#!/bin/sh\necho "$SCALE $SOURCE $SEEDS"\n')
    assert "paper official [3]" in make(folder, "paper", "SEEDS=[3]").stdout
    assert "paper directory " in make(folder, "paper", "SOURCE=directory").stdout


@pytest.mark.parametrize("change", ["moved", "missing", "new pins", "none"])
def test_the_environment_is_set_up_where_it_is_not_up_to_date(folder, change):
    stamp = folder / ".venv/up-to-date"
    if change == "moved":
        stamp.write_text("/elsewhere")
    elif change == "missing":
        stamp.unlink()
    elif change == "new pins":
        os.utime(folder / "envs/runtime.lock", (2**31, 2**31))
    done = make(folder, "--dry-run", "plan")
    assert done.returncode == 0, done.stderr
    assert ("envs/prepare.py" in done.stdout) == (change != "none")


def test_an_old_python_is_said_before_anything_else(folder, tmp_path):
    shutil.copyfile(ROOT / "envs/prepare.py", folder / "envs/prepare.py")
    shutil.rmtree(folder / ".venv")
    old = tmp_path / "old"
    old.write_text(
        f'#!/bin/sh\nexec {shutil.which("python3")} -c "import sys; sys.version_info = (3, 10, 1); '
        'sys.argv = sys.argv[1:]; exec(open(sys.argv[0]).read())" "$@"\n'
    )
    old.chmod(0o755)
    done = make(folder, "reproduce", f"PYTHON={old}")
    assert done.returncode != 0
    assert "dropscape: Python 3.11 or newer is needed, but" in done.stderr and "write make PYTHON=" in done.stderr
    assert "Traceback" not in done.stderr and not (folder / ".venv").exists()


def test_a_space_in_the_path_is_refused(folder):
    spaced = folder.with_name("with space")
    folder.rename(spaced)
    done = make(spaced, "plan")
    assert done.returncode != 0
    assert f"dropscape: the folder '{spaced}' has a space in its path: move it to one without" in done.stderr


def test_sigterm_to_make_alone_is_passed_on(folder):
    write_python(folder, "#!/bin/sh\ntrap 'echo ended; exit 7' TERM\necho started\nwhile :; do sleep 0.05; done\n")
    command = ["make", "reproduce"]
    process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == "ended\n"
    assert process.wait(30) != 0
