"""The two descriptions of the environment agree with each other and with what the package declares."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def pins():
    lines = (ROOT / "envs/requirements.lock").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_conda_and_pip_pin_the_same_packages():
    conda = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert pip == pins()


def test_every_pin_is_exact_and_names_no_place():
    for pin in pins():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin), pin


def test_every_declared_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["test"]
    pinned = {re.split("==", pin)[0].lower().replace("_", "-") for pin in pins()}
    missing = {re.split(r"[<>=\[]", name)[0].lower() for name in declared} - pinned
    assert not missing, f"add to envs/requirements.lock: {sorted(missing)}"
