"""The datasets of the library: what each file says, and where its dataset can come from."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from dropscape.config.user import DATASETS, UserSettings
from dropscape.data.kind import DatasetKind
from dropscape.discovery import subclasses, submodules
from dropscape.errors import ConfigurationError

PUBLISHED = {"mnist": "MNIST", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "multi30k": "Multi30k English-German"}
GENERATED = ("curve", "narrow_curve", "two_neurons", "one_neuron")
PACKAGE = "dropscape.data.datasets"


def test_every_file_defines_one_dataset_and_the_configuration_finds_it():
    modules = submodules(PACKAGE)
    assert set(modules) == set(DATASETS) == {*PUBLISHED, *GENERATED}
    for name, module in modules.items():
        assert subclasses({name: module}, DatasetKind) == [DATASETS[name]]
        assert DATASETS[name].title


def test_published_datasets_have_three_sources_and_generated_points_one():
    for name in PUBLISHED:
        assert DATASETS[name].sources() == ["official", "directory", "embedded"]
        assert set(DATASETS[name].sizes) == {"official", "embedded"} and DATASETS[name].example_bytes > 0
    for name in GENERATED:
        assert DATASETS[name].sources() == ["embedded"]


def test_points_are_generated_whatever_the_source():
    for source in ("official", "directory", {"mnist": "official"}):
        user = UserSettings(source=source, directory="somewhere" if source == "directory" else None)
        assert {user.source_of(name) for name in GENERATED} == {"embedded"}


def test_an_unknown_dataset_lists_the_known():
    with pytest.raises(ValueError, match=r"'mnits': write mnist, or one of cifar10, "):
        UserSettings().check_dataset("some_experiment", "mnits")


def test_an_unknown_source_lists_the_known():
    for source in ("web", {"mnist": "web"}):
        with pytest.raises(ValidationError, match="'official', 'directory' or 'embedded'"):
            UserSettings(source=source)


@pytest.mark.parametrize(
    ("source", "key"), [("official", "download_cache: data"), ("directory", "directory: path/to/folder")]
)
@pytest.mark.parametrize(("name", "title"), PUBLISHED.items())
def test_a_source_without_its_folder_says_which_key_to_write(name, title, source, key):
    with pytest.raises(ConfigurationError, match=rf"`source: {source}`.* {title} .*`{key}`"):
        DATASETS[name].load(source, directory=None, cache=None)


def test_each_source_reads_its_option(small_directory, tmp_path):
    dataset = DATASETS["mnist"].load("directory", directory=str(small_directory), cache=str(tmp_path / "unused"))
    assert dataset.train_images.shape == (12, 28, 28)
    assert not (tmp_path / "unused").exists()


def test_finding_them_loads_neither_torch_nor_what_holds_images():
    code = (
        f"import sys; from dropscape.discovery import submodules; print(len(submodules({PACKAGE!r})));"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'torchvision', 'mlxtend', 'PIL'}))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split("\n")[:2] == [str(len(DATASETS)), "[]"]


def test_a_source_that_a_dataset_lacks_is_named_with_those_that_it_has():
    with pytest.raises(ConfigurationError, match=r"has no source 'official': write .*embedded"):
        DATASETS["curve"].load("official", None, "downloads")
