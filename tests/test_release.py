"""A release says one version everywhere."""

import json
import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_the_package_the_citation_the_archive_and_the_changelog_say_the_same_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert citation["version"] == citation["preferred-citation"]["version"] == version
    assert json.loads((ROOT / ".zenodo.json").read_text())["version"] == version
    assert newest and newest[1] == version
