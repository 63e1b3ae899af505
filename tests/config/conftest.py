from pathlib import Path

import pytest

from dropscape.config.load import load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def load():
    """The repository's settings with a user's keys."""
    return lambda **user: load_settings({"scale": "smoke"} | user, ROOT)
