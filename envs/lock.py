"""Writes what the environment is made of: every package, pinned, with the hashes of all its files.

``make lock`` adds what pyproject.toml newly asks for and keeps every other pin; ``make lock UPGRADE=1`` takes the
newest of all but torch. What is written:

- ``torch.lock``: torch, and what its build for GPUs asks for;
- ``torch-cpu.lock``: the build of it for processors that pip takes here, if any. ``prepare.py`` tries it first: of two
  builds pip prefers the one whose hash the index states, which is that for GPUs;
- ``runtime.lock``: all else that the workflow and the figures need, and what builds dropscape itself;
- ``test.lock``: what tests, lint and the documentation need besides;
- ``environment.yaml``: the pins of torch and ``runtime.lock`` for conda, which reads no hashes;
- the hashes of the pins in ``benchmarks/requirements.txt``.
"""

import hashlib
import itertools
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ENVS = Path("envs")
PEERS = Path("benchmarks/requirements.txt")
# Pip finds a build for processors of this version only; any other brings gigabytes of GPU libraries.
HELD = ("torch==2.13.0", "torchvision==0.28.0")
# What pip builds dropscape with, and the one package of the workflow that has no wheel.
BUILDING = ("setuptools>=77", "wheel")
OF_CUDA = ("cuda-", "nvidia-", "triton")  # packages that only torch asks for
# The pin of a package begins a line; its hashes follow, indented.
PIN = re.compile(r"^(?P<pin>(?P<name>[a-z0-9-]+)==\S+)", re.MULTILINE)
HEADER = "# Written by envs/lock.py (make lock). {}\n"
CONDA = """\
# Written by envs/lock.py: the pins of torch and runtime.lock. conda env create -f envs/environment.yaml, then
# pip install --no-deps -e . Snakemake itself makes it for its jobs with --sdm conda.
name: dropscape
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def main() -> None:
    """Write the locks and the description for conda."""
    kept = (
        []
        if "--upgrade" in sys.argv
        else [pin for path in sorted(ENVS.glob("*.lock")) if path.name != "torch-cpu.lock" for pin in pins(path)]
    )
    held = [pin for pin in kept if not pin.startswith(tuple(f"{one.split('==')[0]}==" for one in HELD))] + [*HELD]
    runtime = compiled(project("workflow", "figures"), held)
    whole = compiled(project("workflow", "figures", "test", "docs"), held)
    if disagreeing := sorted(set(runtime) - set(whole)):
        raise SystemExit(f"The tests need other versions of {', '.join(disagreeing)}: bound them in pyproject.toml.")
    torch = {name: runtime[name] for name in runtime if name == "torch" or name.startswith(OF_CUDA)}
    rest = [block for name, block in runtime.items() if name not in torch]
    test = [block for name, block in whole.items() if name not in runtime]
    write(ENVS / "torch.lock", "torch, and what its build for GPUs needs.", torch.values())
    write(ENVS / "runtime.lock", "What the workflow and the figures need besides torch.", rest)
    write(ENVS / "test.lock", "What tests, lint and documentation need besides.", test)
    if build := build_of_this_platform(HELD[0]):
        write(ENVS / "torch-cpu.lock", "torch's build for processors.", [build])
    write(PEERS, "Peers of the benchmarks and what they import.", compiled([str(PEERS), "--no-deps"], ()).values())
    lines = [
        line.removesuffix(" \\") for block in [torch["torch"], *rest] for line in block.splitlines() if PIN.match(line)
    ]
    conda = CONDA + "".join(f"      - {line}\n" for line in lines)
    (ENVS / "environment.yaml").write_text(conda, encoding="utf-8")


def pins(path: Path) -> list[str]:
    """The pins ``name==version`` of a lock."""
    return [found["pin"] for found in PIN.finditer(path.read_text(encoding="utf-8"))]


def project(*extras: str) -> list[str]:
    """What uv compiles of pyproject.toml and of its input."""
    return ["pyproject.toml", "-", *(word for extra in extras for word in ("--extra", extra))]


def compiled(asked: Sequence[str], held: Iterable[str]) -> dict[str, str]:
    """The block of each package, its pin for every Python and platform and all of its hashes, by name."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(constrained(held)))
        constraints.flush()
        words = ["uv", "pip", "compile", *asked, "--universal", "--python-version", "3.11", "--quiet"]
        words += ["--generate-hashes", "--no-annotate", "--no-header", "--constraint", constraints.name]
        text = subprocess.run(words, input="\n".join(BUILDING), check=True, capture_output=True, text=True).stdout
    starts = [*(found.start() for found in PIN.finditer(text)), len(text)]
    blocks: dict[str, str] = {}
    for start, end in itertools.pairwise(starts):
        name = PIN.match(text, start)["name"]
        blocks[name] = blocks.get(name, "") + text[start:end]
    return blocks


def constrained(held: Iterable[str]) -> list[str]:
    """The pins that hold a package, of which one that has two, for two Pythons, is free."""
    names = [pin.split("==")[0] for pin in held]
    return sorted({pin for pin in held if names.count(pin.split("==")[0]) == 1})


def build_of_this_platform(pin: str) -> str:
    """The block of the file that pip takes here where it is a build of its own (``2.13.0+cpu``), else nothing."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, pin]
        subprocess.run(words, check=True)
        (file,) = Path(folder).iterdir()
        name, version = file.name.split("-")[:2]
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n" if "+" in version else ""


def write(path: Path, said: str, blocks: Iterable[str]) -> None:
    """Write a lock."""
    path.write_text(HEADER.format(said) + "".join(blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
