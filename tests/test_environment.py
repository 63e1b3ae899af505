"""The locks hold what the package declares, with hashes; conda's description agrees with them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LOCKS = ("envs/torch.lock", "envs/torch-cpu.lock", "envs/runtime.lock", "envs/test.lock", "benchmarks/requirements.txt")
PIN = r"(?P<pin>(?P<name>[a-z0-9-]+)==[0-9][a-z0-9.+]*(?: ; [^\\]+?)?)"


def blocks(lock):
    """What a lock says of each package: its pin, then its hashes."""
    text = "".join(line for line in (ROOT / lock).open() if not line.startswith("#"))
    return text.replace(" \\\n    ", " ").splitlines()


def pins(*locks):
    return [re.match(PIN + " --hash", block) for lock in locks for block in blocks(lock)]


def names(*locks):
    return {pin["name"] for pin in pins(*locks)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_names_no_place_and_has_hashes(lock):
    for block in blocks(lock):
        assert re.fullmatch(PIN + r"( --hash=sha256:[0-9a-f]{64})+", block), block


def test_conda_and_pip_pin_the_same_packages():
    conda = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    torch = [found["pin"] for found in pins("envs/torch.lock") if found["name"] == "torch"]
    assert pip == [*torch, *(found["pin"] for found in pins("envs/runtime.lock"))]


def test_every_declared_dependency_is_pinned_where_it_is_needed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    runtime, test = names("envs/torch.lock", "envs/runtime.lock"), names("envs/test.lock")
    for declared, pinned in (
        (["setuptools", "wheel", *project["dependencies"], *extras["workflow"], *extras["figures"]], runtime),
        ([*extras["test"], *extras["docs"]], test | runtime),
    ):
        missing = {re.split(r"[<>=\[]", name)[0].lower() for name in declared} - pinned
        assert not missing, f"run make lock: {sorted(missing)}"
    assert not runtime & test and "pytest" in test


def test_both_builds_of_torch_are_the_version_that_torchvision_asks_for():
    versions = [
        one["pin"].split("==")[1] for one in pins("envs/torch.lock", "envs/torch-cpu.lock") if one["name"] == "torch"
    ]
    assert versions[1] == f"{versions[0]}+cpu"
