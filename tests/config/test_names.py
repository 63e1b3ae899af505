"""Names that would stand for two things are refused before any job."""

import shutil

import pytest

from dropscape.config.load import load_settings
from dropscape.config.yaml_files import read_yaml
from dropscape.errors import ConfigurationError


def with_config(root, folder):
    """A copy of the configuration that a test may change."""
    shutil.copytree(root / "config", folder / "config")
    return folder


@pytest.mark.parametrize("content", ["claims:\n", "claims: []\n"])
def test_a_study_without_claims_has_none(root, tmp_path, content):
    copy = with_config(root, tmp_path)
    (copy / "config/studies/new.yaml").write_text("paper: {letter: N, title: New}\n" + content)
    assert load_settings({}, copy).studies["new"].claims == {}


def test_a_claim_of_two_studies_is_refused(root, tmp_path):
    copy = with_config(root, tmp_path)
    name = next(iter(read_yaml(copy / "config/claims/subnetworks.yaml")))
    path = copy / "config/claims/modified_equations.yaml"
    taken = next(iter(read_yaml(path)))
    path.write_text(path.read_text().replace(f"{taken}:", f"{name}:", 1))
    with pytest.raises(ConfigurationError, match=f"'{name}' stands in studies modified_equations and subnet"):
        load_settings({"scale": "paper"}, copy)


def test_a_study_that_is_named_after_a_table_of_claims_is_refused(root, tmp_path):
    copy = with_config(root, tmp_path)
    (copy / "config/studies/by_run.yaml").write_text("paper: {letter: N, title: New}\n")
    with pytest.raises(ConfigurationError, match=r"by_run\.yaml has the name of a table of claims: rename it"):
        load_settings({}, copy)


def test_a_custom_dataset_in_the_place_of_a_known_one_is_called_by_its_key(load):
    user = load(datasets={"mnist": "my_module:load"}).user
    assert (user.title_of("mnist"), user.title_of("cifar10")) == ("mnist", "CIFAR-10")
