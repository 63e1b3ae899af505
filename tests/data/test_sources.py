import subprocess
import sys

import pytest

from dropscape.data.sources import DATASETS, load_dataset
from dropscape.errors import ConfigurationError


def test_an_unknown_dataset_lists_the_known():
    with pytest.raises(ConfigurationError, match=r"'mnits'.*write one of: mnist"):
        load_dataset("mnits", "embedded", directory=None, cache=None)


def test_an_unknown_source_lists_the_known():
    with pytest.raises(ConfigurationError, match=r"'web'.*'mnist'.*write one of: official, directory, embedded"):
        load_dataset("mnist", "web", directory=None, cache=None)


@pytest.mark.parametrize(
    ("source", "key"), [("official", "download_cache: data"), ("directory", "directory: path/to/folder")]
)
@pytest.mark.parametrize(
    ("name", "title"),
    [("mnist", "MNIST"), ("cifar10", "CIFAR-10"), ("cifar100", "CIFAR-100"), ("multi30k", "Multi30k English-German")],
)
def test_a_source_without_its_folder_says_which_key_to_write(name, title, source, key):
    with pytest.raises(ConfigurationError, match=rf"`source: {source}`.* {title} .*`{key}`"):
        load_dataset(name, source, directory=None, cache=None)


def test_every_dataset_has_the_three_sources():
    real, generated = (
        ["mnist", "cifar10", "cifar100", "multi30k"],
        ["curve", "narrow_curve", "two_neurons", "one_neuron"],
    )
    assert list(DATASETS) == [*real, *generated]
    assert {tuple(DATASETS[name]) for name in real} == {("official", "directory", "embedded")}
    assert {tuple(DATASETS[name]) for name in generated} == {("embedded",)}


def test_each_source_reads_its_own_option(small_directory, tmp_path):
    dataset = load_dataset("mnist", "directory", directory=str(small_directory), cache=str(tmp_path / "unused"))
    assert dataset.train_images.shape == (12, 28, 28)
    assert not (tmp_path / "unused").exists()


def test_importing_loads_neither_torchvision_nor_mlxtend():
    code = (
        "import sys, dropscape.data.sources; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torchvision', 'mlxtend', 'PIL'}))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
