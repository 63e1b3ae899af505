import pytest

from dropscape.figures.names import distinct, experiment_titles, layer_title

RESNET = {"name": "cifar10_resnet20", "model": "resnet20", "network": "ResNet-20", "title": "CIFAR-10"}
RESNET |= {"dataset": "cifar10", "train_examples": 50_000}


def titles(*changes):
    return list(experiment_titles([RESNET | change for change in changes]).values())


def test_an_experiment_is_called_by_its_network_and_dataset():
    assert titles({}) == ["ResNet-20 on CIFAR-10"]


def test_an_experiment_without_a_network_is_called_by_its_model():
    no_network = {"network": None, "title": None, "dataset": "two_moons"}
    assert titles(no_network | {"model": "two-layer ReLU"}) == ["two-layer ReLU network on two moons"]
    assert titles(no_network | {"model": "50 tanh units"}) == ["network of 50 tanh units on two moons"]


def test_experiments_of_the_same_network_and_dataset_are_told_apart():
    few = {"name": "few", "train_examples": [100, 2000]}
    assert titles({}, few, {"name": "vgg", "network": "VGG-9"}) == [
        "ResNet-20 on CIFAR-10, 50,000 examples",
        "ResNet-20 on CIFAR-10, 100 to 2,000 examples",
        "VGG-9 on CIFAR-10",
    ]
    assert titles({"name": "with_noise"}, {"name": "without_noise"}) == [
        "ResNet-20 on CIFAR-10, with noise",
        "ResNet-20 on CIFAR-10, without noise",
    ]


def test_details_stand_only_behind_titles_that_occur_twice():
    assert distinct(["a", "b", "a"], ["1", "1", "1"], ["x", "y", "z"]) == ["a, x", "b", "a, z"]


@pytest.mark.parametrize(
    ("parameter", "title"),
    [
        ("layers.0.weight", "layer 1"),
        ("stage2.0.conv1.weight", "stage 2, block 1, convolution 1"),
        ("features.dense_1.weight", "features.dense 1"),
    ],
)
def test_a_layer_is_called_by_its_place_in_the_network(parameter, title):
    assert layer_title(parameter) == title
