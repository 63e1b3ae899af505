"""What users' configurations held, each refused in one sentence that names the key, its place and what to write."""

import shutil

import pytest

from dropscape.config.load import load_settings, user_keys
from dropscape.config.yaml_files import read_yaml
from dropscape.errors import ConfigurationError

RUN = "keep0.9-lr0.1"


def of_mnist(**keys):
    return {"overrides": {"noise_structure": {"experiments": {"mnist_fnn": keys}}}}


def refusal(load, **user):
    with pytest.raises(ConfigurationError) as error:
        load(**user)
    message = str(error.value)
    assert "\n" not in message and "the whole" not in message and "input should" not in message.lower()
    assert len(message) < 700
    return message


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        (
            {"overrides": {"noise_structure": "mnist_fnn"}},
            "In overrides: 'noise_structure' is 'mnist_fnn', but it has keys",
        ),
        (
            {"overrides": {"noise_structure": ["mnist_fnn"]}},
            "'noise_structure' is ['mnist_fnn'], but it has keys of its",
        ),
        ({"overrides": ["noise_structure"]}, "'overrides' is ['noise_structure']: write `key: value` lines below it"),
        (
            {"overrides": {"noise_structure": {"equations": ["a"]}}},
            "In overrides: 'noise_structure.equations' is ['a']: write `key: value` lines below it",
        ),
        (
            {"overrides": {"noise_structure": {"experiments": ["a"]}}, "experiments": ["mnist_fnn"]},
            "'noise_structure.experiments' is ['a'], but it has keys of its own",
        ),
        (
            {"overrides": {"noise_structure": {"experiments": {"new": ["a"]}}}, "experiments": ["mnist_fnn"]},
            "'noise_structure.experiments.new' is ['a']: write `key: value` lines below it",
        ),
        ({**of_mnist(runs={"one": 3}), "seeds": [0]}, "runs.one' is 3: write `key: value` lines below it"),
        ({**of_mnist(runs={RUN: 3}), "seeds": [0]}, f"runs.{RUN}' is 3, but it has keys of its own"),
        (of_mnist(grid=3), "grid is 3: write patterns with what their runs have, such as `keep{keep_prob}"),
        (of_mnist(grid={"a": 3}), "grid is {'a': 3}: write patterns"),
        (
            of_mnist(model={"widths": [783, 50, 50, 10]}),
            "experiment 'mnist_fnn' has the network fnn, which reads 783 numbers, but an example of MNIST has 784",
        ),
        (of_mnist(model={"widths": [784, 50, 50, 9]}), "with 9 outputs, but MNIST has 10 classes or values: write 10"),
        ({"seeds": [2**64]}, "'seeds.0' is 18446744073709551616: write less than 9223372036854775808"),
        ({"seeds": [-1]}, "'seeds.0' is -1: write at least 0"),
        ({"seeds": [0, 0]}, "In config/config.yaml or --config: seeds: [0, 0] names a seed twice: write each once."),
        ({"seeds": 3}, "'seeds' is 3: write a list, such as [3]"),
        ({"seeds": [True]}, "seeds is [true]: write a number, or a text in quotes"),
        ({"seeds": ["x"]}, "'seeds.0' is 'x': write a whole number"),
        ({"threads": True}, "threads is true: write a number, or a text in quotes"),
        ({"threads": 1.5}, "'threads' is 1.5: write a whole number"),
        ({"studies": []}, "'studies' is []: write at least 1 of them"),
        ({"studies": "noise_structure"}, "'studies' is 'noise_structure': write a list, such as [noise_structure]"),
        ({"scale": "huge"}, "'scale' is 'huge': write smoke, quick, desktop or paper"),
        (
            {"source": {"mnits": "directory"}, "directory": "d"},
            "source names the dataset 'mnits': write mnist, or one of",
        ),
        (
            {"source": {"curve": "directory"}, "directory": "d"},
            "source names 'directory' for curve: write one of embedded",
        ),
        ({"directory": "d"}, "directory is 'd', but no dataset comes from there: write source: directory, or"),
        ({"directory": "d", "source": {"mnist": "embedded"}}, "directory is 'd', but no dataset comes from there"),
        ({"results": ""}, "results: '' is no folder: write a path without braces"),
        ({"results": "out/{x}"}, "results: 'out/{x}' is no folder"),
        ({"results": 20261129}, "'results' is 20261129: write a text, in quotes in config/config.yaml"),
        ({"datasets": {"mine": "module"}}, "'datasets.mine' is 'module': write package.module:function"),
        ({"datasets": {"My Data": "a:b"}}, "'datasets.My Data' is 'My Data': write small letters, digits, dots,"),
        (
            of_mnist(runs={"Keep": {"keep_prob": 1, "learning_rate": 1}}),
            "runs.Keep' is 'Keep': write small letters, digits, dots, underscores and hyphens",
        ),
        (
            {"overrides": {"noise_structure": {"experiments": {"mnist_fn": {"loss": "mse"}}}}},
            "In overrides: there is no 'mnist_fn' in noise_structure.experiments: write mnist_fnn, or for a new one",
        ),
        (
            of_mnist(runs={"keep0.9-lr0.2": {"learning_rate": 0.1}}),
            "there is no 'keep0.9-lr0.2' in noise_structure.experiments.mnist_fnn.runs: write keep0.9-lr0.1, or for a "
            "new one keep_prob too",
        ),
        (
            of_mnist(runs={"keep0.9": None}),
            "there is no 'noise_structure.experiments.mnist_fnn.runs.keep0.9' to leave out by null: write keep0.9",
        ),
        (
            {"overrides": {"noise_structure": {"experiments": {"mnist_fn": None}}}},
            "there is no 'noise_structure.experiments.mnist_fn' to leave out by null: write mnist_fnn",
        ),
        (of_mnist(data=None), "'noise_structure.experiments.mnist_fnn.data' is missing: write it"),
        (of_mnist(grid={"k{keep_prob": {"keep_prob": [0.5]}}), "grid 'k{keep_prob' is no pattern of names"),
        (
            of_mnist(grid={"k{keep_prob:d}": {"keep_prob": [0.5]}}),
            "grid 'k{keep_prob:d}' is no pattern of names (it",
        ),
        ({"results": None}, "'results' is None: write a text"),
        (
            {"experiments": ["curve_relu"]},
            "experiments names 'curve_relu', which the scale or the overrides leave out: ",
        ),
        ({"experiments": ["mnist_fn"]}, "experiments names 'mnist_fn', which no study has: write mnist_fnn, or one of"),
    ],
)
def test_one_sentence_says_what_to_write(load, user, sentence):
    assert sentence in refusal(load, **user)


def test_empty_overrides_are_none(load):
    assert load(overrides=None).user.overrides == {}


def test_a_run_that_the_scale_has_left_out_can_be_left_out_again(load):
    # The example of docs/configuration.md, at the scale smoke.
    assert list(load(**of_mnist(runs={"keep0.5-lr0.1": None})).experiments["mnist_fnn"].runs)


def test_a_run_of_a_grid_can_be_left_out(load):
    grid = {"keep{keep_prob}": {"keep_prob": [0.25, 0.75], "learning_rate": 0.1}}
    runs = load(**of_mnist(grid=grid, runs={"keep0.25": None})).experiments["mnist_fnn"].runs
    assert "keep0.75" in runs and "keep0.25" not in runs


def test_home_is_the_users(load, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    user = load(results="~/out", source="directory", directory="~/data").user
    assert (user.results, user.directory) == ("/home/somebody/out", "/home/somebody/data")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"overrides: {a: 1}\noverrides: {b: 2}\n", "line 2 has the key 'overrides' again, which stands in line 1"),
        (b"a: {b: {c: 1, c: 2}}\n", "line 1 has the key 'c' again"),
        (b"a:\n\tb: 1\n", "line 2 begins with a tab: write spaces"),
        (b"a: [1\nb: 2\n", "line 2, column 2 is no YAML"),
        (b"- a\n", "holds a list: write `key: value` lines"),
        (b"a: \xe4\n", "is not UTF-8 text (byte 3)"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(tmp_path, text, sentence):
    path = tmp_path / "config.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigurationError) as error:
        read_yaml(path)
    assert sentence in str(error.value) and str(path) in str(error.value)


def test_an_empty_file_and_a_merge_key_are_fine(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("")
    assert read_yaml(path) == {}
    path.write_text("x: &a {k: 1}\ny: {<<: *a, k: 2}\n")
    assert read_yaml(path)["y"] == {"k": 2}


def test_a_file_that_is_not_there_is_named(root, tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothere\.yaml does not exist"):
        user_keys([tmp_path / "nothere.yaml"], {}, root)


def test_a_key_that_stands_twice_in_a_study_is_refused(root, tmp_path):
    shutil.copytree(root / "config", tmp_path / "config")
    path = tmp_path / "config/studies/subnetworks.yaml"
    path.write_text(path.read_text() + "\npaper: {letter: X, title: Y}\n")
    with pytest.raises(ConfigurationError, match=r"subnetworks\.yaml, line \d+ has the key 'paper' again"):
        load_settings({"scale": "smoke"}, tmp_path)
