"""What figures and claims are told of generated classes."""

import pytest

from dropscape.artifacts.files import read_json
from dropscape.errors import ConfigurationError
from dropscape.subnetworks.description import WORDS, describe
from dropscape.subnetworks.distributions import DISTRIBUTIONS

SETTINGS = {"distribution": "caps", "dimension": 5, "separation": 0.3, "test_examples": 20}


def test_the_description_names_the_margin(tmp_path):
    path = tmp_path / "data.json"
    describe(SETTINGS, str(path))
    content = read_json(path)
    assert content["dataset"] == "caps" and content["counts"] == {"test": 20}
    assert content["label"] == (
        "generated points, two opposite caps of the sphere in 5 dimensions, margin 0.15 q, fresh ones at every "
        "iteration"
    )


def test_every_distribution_has_words():
    assert WORDS.keys() == DISTRIBUTIONS.keys()


def test_a_distribution_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"data\.separation is 1\.5"):
        describe(SETTINGS | {"separation": 1.5}, str(tmp_path / "data.json"))
    assert not (tmp_path / "data.json").exists()
