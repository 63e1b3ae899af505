"""What may be looked at in a layer's neurons, and what a user is told who asks for what is not there."""

import pytest

from dropscape.errors import ConfigurationError

SECTION = {"layers": ["layers.0.weight"], "recorded_steps": 4}


def overrides(condensation, **keys):
    """Overrides of the experiment mnist_fnn, which measures alignment at 4 recorded steps."""
    return {"noise_structure": {"experiments": {"mnist_fnn": {"condensation": condensation} | keys}}}


def test_the_section_is_optional_and_has_the_papers_threshold(load):
    assert load().experiments["mnist_fnn"].condensation is None
    section = load(overrides=overrides(SECTION | {"layers": ["layers.0.weight", "layers.1.weight"]}))
    assert section.experiments["mnist_fnn"].condensation.threshold == 0.95
    assert section.experiments["mnist_fnn"].condensation.interval is None


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        (
            {"layers": ["layers.2.weight"]},
            "condensation.layers names 'layers.2.weight', which is no hidden layer: write one of layers.0.weight, "
            "layers.1.weight",
        ),
        ({"layers": ["layers.0.bias"]}, "names 'layers.0.bias', which is no hidden layer"),
        ({"layers": []}, "condensation.layers' is []"),
        ({"interval": [-1, 1]}, "condensation.interval needs a fully-connected network whose model.widths are [1, ..."),
        ({"interval": [1, 1]}, "interval is [1.0, 1.0]: write its lower end first"),
        ({"interval": [1]}, "condensation.interval' is [1]"),
        ({"threshold": 0.7}, "condensation.threshold' is 0.7"),
        ({"threshold": 1}, "condensation.threshold' is 1"),
        ({"recorded_steps": 1}, "condensation.recorded_steps' is 1"),
        ({"recorded_steps": 5}, "alignment.recorded_steps and condensation.recorded_steps differ"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(load, section, sentence):
    with pytest.raises(ConfigurationError) as error:
        load(overrides=overrides(SECTION | section))
    assert sentence in str(error.value)


def test_layers_of_other_networks_are_named_freely_and_an_interval_needs_one_input_and_output(load):
    data = {"dataset": "curve", "train_examples": 12, "test_examples": 100}
    one = {"data": data, "model": {"widths": [1, 30, 1]}, "dropout": {"dropout_after": 1}}
    settings = load(overrides=overrides(SECTION | {"interval": [-1, 1]}, **one)).experiments["mnist_fnn"]
    assert settings.condensation.interval == [-1, 1]
    vgg = {"layers": ["block1.conv1.weight"], "recorded_steps": 3}
    own = {"noise_structure": {"experiments": {"cifar10_vgg9": {"condensation": vgg}}}}
    assert load(overrides=own).experiments["cifar10_vgg9"].condensation.layers == vgg["layers"]
