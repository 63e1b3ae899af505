"""What figures and claims are told of generated classes."""

import pytest

from dropscape.artifacts.files import read_json
from dropscape.errors import ConfigurationError
from dropscape.jobs import Job
from dropscape.subnetworks.description import describe
from dropscape.subnetworks.distributions import DISTRIBUTIONS

SETTINGS = {"distribution": "caps", "dimension": 5, "separation": 0.3, "test_examples": 20}


def described(settings, path):
    describe(Job("subnetworks_distribution", "test", settings, {}, {"description": str(path)}))
    return read_json(path)


def test_the_description_names_the_margin(tmp_path):
    content = described(SETTINGS, tmp_path / "data.json")
    assert content["dataset"] == "caps" and content["counts"] == {"test": 20}
    assert content["label"] == (
        "generated points, two opposite caps of the sphere in 5 dimensions, margin 0.15 q, fresh ones at every "
        "iteration"
    )


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_distribution_has_words(name, tmp_path):
    label = described(SETTINGS | {"distribution": name}, tmp_path / "data.json")["label"]
    assert label.startswith(f"generated points, {DISTRIBUTIONS[name].words} in 5 dimensions")


def test_a_distribution_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"data\.separation is 1\.5"):
        described(SETTINGS | {"separation": 1.5}, tmp_path / "data.json")
    assert not (tmp_path / "data.json").exists()
