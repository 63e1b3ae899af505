"""Makes .venv and installs what the locks beside it name; the Makefile runs it with any Python 3.

With the argument RUNTIME, as in an image, it leaves out what only tests, lint and documentation need. It also mends
what was left: an environment that was half made, that is of another Python, or whose folder was moved.
It is plain enough for an old Python to read, so that it can say which one is needed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = (3, 11)
# Whether torch has the version of the lock, in any build.
HAS_TORCH = """
from importlib.metadata import version
locked = [line.split()[0] for line in open("envs/torch-cpu.lock") if line.startswith("torch==")]
assert [f"torch=={version('torch').partition('+')[0]}+cpu"] == locked
"""
ASKED = "import sys, pip; print('%d.%d' % sys.version_info[:2])"


def main():
    """Set the environment up; its stamp holds the folder that it was made for."""
    if sys.version_info < NEEDED:
        found = ".".join(map(str, sys.version_info[:2]))
        sys.exit(
            f"dropscape: Python {NEEDED[0]}.{NEEDED[1]} or newer is needed, but {sys.executable} is Python {found}: "
            "write make PYTHON=python3.12, or the path of another one."
        )
    environment = Path.cwd() / ".venv"
    python = environment / "bin/python"
    found = version_of(python)
    if found < NEEDED or ("PYTHON" in sys.argv and found != sys.version_info[:2]):
        shutil.rmtree(environment, ignore_errors=True)
        call(sys.executable, "-m", "venv", environment)
    else:
        point_to(python)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Each lock is whole, and pip takes no file whose hash it does not hold.
    locked = [*pip, "--no-compile", "--no-deps", "--require-hashes"]
    # Few places have torch's build for processors; the index's own, for GPUs, is gigabytes more. One that was
    # installed by hand stays.
    if not works(python, "-c", HAS_TORCH) and not works(*locked, "-r", "envs/torch-cpu.lock"):
        call(*locked, "-r", "envs/torch.lock")
    more = [] if "RUNTIME" in sys.argv else ["-r", "envs/test.lock"]
    call(*locked, "-r", "envs/runtime.lock", *more)
    # With the setuptools of the lock, so that no other is fetched.
    call(*pip, "--no-deps", "--no-build-isolation", "-e", ".")
    # Modules are compiled on all cores, for which pip takes one; packages' tests are left out, and what is meant for
    # another Python fails.
    subprocess.run([python, "-m", "compileall", "-qq", "-j", "0", "-x", "/tests?/", environment / "lib"], check=False)
    (environment / "up-to-date").write_text(str(Path.cwd()), encoding="utf-8")


def version_of(python):
    """The version of an environment's Python; (0, 0) if it does not run or has no pip."""
    if not python.exists():
        return 0, 0
    asked = subprocess.run([python, "-c", ASKED], capture_output=True, text=True, check=False)
    return tuple(map(int, asked.stdout.split("."))) if asked.returncode == 0 else (0, 0)


def point_to(python):
    """Make the commands of an environment that was moved start its own Python."""
    first_line = b"#!" + os.fsencode(python) + b"\n"
    for path in python.parent.iterdir():
        if path.is_file() and not path.is_symlink():
            first, newline, rest = path.read_bytes().partition(b"\n")
            if first.startswith(b"#!") and b"/.venv/bin/python" in first and first + newline != first_line:
                path.write_bytes(first_line + rest)


def works(*command):
    """Run a command and keep to itself what it said; whether it succeeded."""
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def call(*command):
    """Run a command; where it fails, end in one sentence below what it said."""
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(
            f"dropscape: the environment could not be made ({' '.join(map(str, command[1:4]))} failed, see above): "
            "give the same command again when that is mended."
        )


if __name__ == "__main__":
    main()
