"""Merging, and what a user is told who writes something that cannot work."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropscape.config.load import SCALES, load_settings, merged
from dropscape.config.yaml_files import read_yaml
from dropscape.errors import ConfigurationError

KEYS = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, TREES, max_size=3)


def of_mnist(**keys):
    """Overrides of the experiment mnist_fnn."""
    return {"noise_structure": {"experiments": {"mnist_fnn": keys}}}


def test_mappings_merge_and_everything_else_replaces():
    base = {"kept": 1, "replaced": [1, 2, 3], "inner": {"kept": 2, "replaced": 3}}
    override = {"replaced": [4], "inner": {"replaced": 5, "added": {"deep": 6}}}
    expected = {"kept": 1, "replaced": [4], "inner": {"kept": 2, "replaced": 5, "added": {"deep": 6}}}
    assert merged(base, override) == expected
    assert base == {"kept": 1, "replaced": [1, 2, 3], "inner": {"kept": 2, "replaced": 3}}, "the base was changed"


def test_null_takes_out_a_section_and_replaces_a_value():
    base = {"runs": {"one": {"keep_prob": 1}, "two": {"keep_prob": 0.5}}, "value": 3}
    assert merged(base, {"runs": {"one": None}, "value": None}) == {"runs": {"two": {"keep_prob": 0.5}}, "value": None}


@given(MAPPINGS)
def test_an_empty_override_and_the_same_again_change_nothing(base):
    assert merged(base, {}) == base
    assert merged(base, base) == base
    assert merged({}, base) == base


@given(MAPPINGS, MAPPINGS)
def test_every_value_of_the_override_stands(base, override):
    def stands(result, wanted):
        return all(
            stands(result[key], value) if isinstance(value, dict) else result[key] == value
            for key, value in wanted.items()
        )

    result = merged(base, override)
    assert stands(result, override)
    assert set(result) == set(base) | set(override)


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_is_valid(load, scale):
    settings = load(scale=scale)
    assert settings.user.scale == scale
    assert set(settings.studies) == {"noise_structure", "implicit_regularization", "modified_equations", "subnetworks"}
    assert all(study.claims for study in settings.studies.values())


def test_a_claim_on_a_figure_or_experiment_that_a_scale_leaves_out_is_left_out(load):
    def claims(**user):
        return {name for study in load(**user).studies.values() for name in study.claims}

    left_out = {"A-fig2b", "C-fig3b-throughout", "A-fig1-flatter-resnet20", "B-table1-fnn"}
    assert left_out <= claims(scale="paper")
    assert claims(scale="paper") - claims() > left_out
    assert {"A-fig2a" not in claims(), "A-fig1-flatter-vgg9" in claims()} == {True}


def test_a_claim_on_a_table_of_theory_that_is_left_out_is_left_out(load):
    fewer = load(overrides={"implicit_regularization": {"theory": {"perturbations": None}}})
    assert fewer.studies["implicit_regularization"].theory.tables == ["interpolants", "flatness_flow"]
    before = load().studies["implicit_regularization"].claims
    gone = set(before) - set(fewer.studies["implicit_regularization"].claims)
    assert gone == {"B-theorem1-i", "B-theorem1-ii", "B-theorem1-ii-ends"}
    without = load(overrides={"noise_structure": {"theory": None}}).studies["noise_structure"]
    assert "A-theorem1-all" not in without.claims


def test_each_dataset_can_have_a_source_of_its_own(load):
    user = load(source={"mnist": "directory", "multi30k": "official"}, directory="data").user
    sources = [user.source_of(dataset) for dataset in ("mnist", "multi30k", "cifar10")]
    assert sources == ["directory", "official", "embedded"]
    assert load(source="official").user.source_of("cifar10") == "official"


WIDE = {"noise_structure": {"experiments": {"mnist_wide_fnn": {"runs": {"dropout": {"keep_prob": [0.8]}}}}}}


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        (WIDE, "run 'dropout' gives 1 keep probabilities for 2 layers of dropout: write one for each"),
        (
            {"noise_structure": {"figures": {"fig2a": {"experiment": ["mnist_fnn", "cifar10_vgg9"]}}}},
            "figure noise_structure-fig2a of kind variance_flatness draws one experiment: write only one",
        ),
        (
            {"noise_structure": {"experiments": {"cifar10_vgg9": {"slices": None}}}},
            "fig12 needs the section slices in experiment 'cifar10_vgg9'",
        ),
        (
            {"noise_structure": {"experiments": {"cifar10_vgg9": {"model": {"name": "vgg11"}}}}},
            "'noise_structure.experiments.cifar10_vgg9.model.name' is 'vgg11': write one of",
        ),
        (
            {"noise_structure": {"experiments": {"cifar10_vgg9": {"model": {"width": 0}}}}},
            "'noise_structure.experiments.cifar10_vgg9.model.width' is 0: write more than 0",
        ),
        ({"noise_structure": {"experiments": {"cifar10_vgg9": {"training": {"flow_time": 3}}}}}, "write one of flow_"),
    ],
)
def test_what_the_architectures_cannot_do_is_refused(load, user, sentence):
    with pytest.raises(ConfigurationError) as error:
        load(scale="paper", overrides=user)
    assert sentence in str(error.value)


def test_the_paper_scale_is_the_study_files_alone(load, root):
    studies = load(scale="paper").studies
    experiment = read_yaml(root / "config/studies/noise_structure.yaml")["experiments"]["mnist_fnn"]
    loaded = studies["noise_structure"].experiments["mnist_fnn"].model_dump(exclude_unset=True)
    assert loaded == experiment


def test_layers_win_in_order_study_scale_overrides_seeds(load, root):
    paper, smoke = load(scale="paper"), load()
    assert paper.experiments["mnist_fnn"].gradients.samples == 3000
    assert smoke.experiments["mnist_fnn"].gradients.samples == 60
    own = load(overrides=of_mnist(gradients={"samples": 7}, seeds=[4]), seeds=[8, 9])
    assert own.experiments["mnist_fnn"].gradients.samples == 7
    assert {tuple(e.seeds) for study in own.studies.values() for e in study.experiments.values()} == {(8, 9)}
    # Everything else stays as it was.
    assert own.experiments["mnist_fnn"].training == smoke.experiments["mnist_fnn"].training


def test_scale_and_overrides_leave_runs_out(load):
    assert len(load(scale="paper").experiments["mnist_fnn"].runs) == 6
    assert list(load().experiments["mnist_fnn"].runs) == ["keep0.9-lr0.1", "keep0.8-lr0.1"]
    fewer = load(overrides=of_mnist(runs={"keep0.9-lr0.1": None}))
    assert list(fewer.experiments["mnist_fnn"].runs) == ["keep0.8-lr0.1"]


def test_numbers_written_as_1e_minus_3_are_numbers(load):
    # YAML 1.1 reads 1e-3 as text; so do `--config` values.
    runs = {"keep0.9-lr0.1": {"learning_rate": "1e-3"}}
    settings = load(overrides=of_mnist(runs=runs, training={"flow_time": "2e1"}))
    assert settings.experiments["mnist_fnn"].runs["keep0.9-lr0.1"].learning_rate == 1e-3
    assert settings.experiments["mnist_fnn"].training.flow_time == 20.0


def of_fig11(**figure):
    return {"implicit_regularization": {"figures": {"fig11": figure}}}


REFUSED = [
    (
        {"sacle": "quick"},
        "In config/config.yaml or --config: 'sacle' is not a known key (docs/configuration.md lists them): write "
        "scale, or one of scale, source,",
    ),
    ({"scale": "huge"}, "'scale' is 'huge': write smoke, quick, desktop or paper"),
    ({"threads": 0}, "'threads' is 0: write at least 1"),
    ({"source": "directory"}, "write directory: path/to/the/official/files"),
    ({"studies": ["noise"]}, "studies names 'noise': write one of implicit_regularization,"),
    ({"experiments": []}, "'experiments' is []: write at least 1 of them"),
    (
        {"experiments": ["cifar10_vgg9"], "studies": ["modified_equations"]},
        "experiments names 'cifar10_vgg9', which no figure of modified_equations shows: add one, or leave it out.",
    ),
    ({"experiments": ["vgg9"]}, "experiments names 'vgg9', which no study has: write one of cifar10_vgg9, "),
    (
        {"scale": "paper", "experiments": ["curve_tanh_small"]},
        "experiments names 'curve_tanh_small', which every figure compares with others: name curve_tanh, curve_tanh_sm",
    ),
    (
        {"overrides": {"noise": {}}},
        "overrides names the study 'noise', which has no file in config/studies: write one of "
        "implicit_regularization, modified_equations, noise_structure, subnetworks.",
    ),
    (
        {"overrides": of_mnist(training={"flow_tmie": 3})},
        "In overrides: 'noise_structure.experiments.mnist_fnn.training.flow_tmie' is not a known key "
        "(docs/configuration.md lists them): write flow_time, or one of optimizer, ",
    ),
    ({"overrides": of_mnist(runs={"keep0.9-lr0.1": {"keep_prob": 0}})}, "runs.keep0.9-lr0.1.keep_prob' is 0"),
    ({"overrides": of_mnist(runs={"keep0.9-lr0.1": {"keep_prob": 1.2}})}, "keep_prob' is 1.2: write at most 1."),
    ({"overrides": of_mnist(runs={"keep0.9-lr0.1": {"learning_rate": "fast"}})}, "learning_rate' is 'fast'"),
    ({"overrides": of_mnist(runs={"Keep": {"keep_prob": 1, "learning_rate": 1}})}, "runs.Keep"),
    (
        {"overrides": of_mnist(runs={"keep0.9-lr0.1": {"dropout_after": 3}})},
        "run 'keep0.9-lr0.1' puts dropout after hidden layer 3, but model.widths has 2 of them: write dropout_after "
        "between 1 and 2",
    ),
    ({"seeds": [1, 1]}, "seeds: [1, 1] names a seed twice: write each once"),
    ({"seeds": []}, "'seeds' is []: write at least 1 of them"),
    (
        {"overrides": of_mnist(flatness=None)},
        "figure noise_structure-fig2a needs the section flatness in experiment 'mnist_fnn'",
    ),
    ({"overrides": of_mnist(gradients=None)}, "needs the section gradients in experiment 'mnist_fnn'"),
    ({"overrides": of_mnist(alignment=None)}, "needs the section alignment in experiment 'mnist_fnn'"),
    ({"overrides": of_mnist(training={"trajectory_steps": 0})}, "needs the section training.trajectory_steps"),
    (
        {"overrides": {"noise_structure": {"figures": {"fig2a": {"experiment": "cifar"}}}}},
        "figure noise_structure-fig2a draws the experiment 'cifar', which no study has: write one of "
        "cifar10_vgg9, cifar10_vgg9_rates, curve_tanh, ",
    ),
    (
        {"overrides": {"noise_structure": {"figures": {"fig2a": {"sample": None}}}}},
        "'noise_structure.figures.fig2a.sample' is None: write trajectory or gradients",
    ),
    ({"overrides": of_fig11(experiment="mnist_fnn")}, "of kind interpolants draws theory and no experiment: leave exp"),
    ({"overrides": of_fig11(kind="slices")}, "implicit_regularization-fig11 of kind slices draws an experiment: write"),
    (
        {"overrides": {"implicit_regularization": {"theory": {"interpolants": None}}}},
        "figure implicit_regularization-fig11 needs the section theory.interpolants in its study",
    ),
    (
        {"overrides": {"implicit_regularization": {"theory": {"flatness_flow": {"sizes": [[1, 2]]}}}}},
        "theory.flatness_flow.sizes.0' is [1, 2]: write at least 3 of them",
    ),
]


@pytest.mark.parametrize(("user", "sentence"), REFUSED, ids=[sentence[:40] for _, sentence in REFUSED])
def test_what_cannot_work_is_refused_by_one_sentence_that_names_the_key(load, user, sentence):
    with pytest.raises(ConfigurationError) as error:
        load(**user)
    message = str(error.value)
    assert sentence in message
    assert message.startswith(
        ("In config", "In overrides: ", "In the configuration: ", "overrides names", "experiments names")
    )
    assert message.endswith(".")
    assert "\n" not in message


RUN = "keep0.9-lr0.1"


def with_run(loss="mse", model=None, training=None, **keys):
    """The first run of mnist_fnn with some keys of its own."""
    rest = {"loss": loss, "model": model or {}, "training": training or {}}
    return of_mnist(runs={RUN: {"dropout_after": 2} | keys}, **rest)


@pytest.mark.parametrize(
    "keys",
    [
        {"objective": "risk_plus_r1"},
        {"objective": "dropout_minus_r1", "train_examples": 7},
        {"objective": "dropout_plus_r2", "gradient_penalty_weight": "1e-2", "loss": "cross_entropy"},
        {"objective": "risk_plus_r2", "dropout_after": 1},
        {"initial_scale": [0.5, "5e-1", 1]},
        {"model": {"initial_scale": [0.5, 0.5, 1], "output_bias": False}},
        {"start": "keep0.8-lr0.1"},
        {"training": {"batch_size": 8, "precision": "tf32"}},
        {"training": {"precision": "bfloat16"}},
    ],
)
def test_what_a_run_descends_and_where_it_starts_can_be_written(load, keys):
    experiment = load(overrides=with_run(**keys)).experiments["mnist_fnn"]
    run = experiment.runs[RUN]
    assert run.objective == keys.get("objective", "dropout") and run.start == keys.get("start")
    assert run.gradient_penalty_weight == (0.01 if "gradient_penalty_weight" in keys else None)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"objective": "noise"}, "objective' is 'noise': write dropout, risk, risk_plus_r1,"),
        (
            {"objective": "risk_plus_r1", "loss": "cross_entropy"},
            "run 'keep0.9-lr0.1' has the objective risk_plus_r1, but R_1 (paper B, eq. 4) is only defined for the loss "
            "mse, not cross_entropy: write loss: mse, or another objective",
        ),
        (
            {"objective": "dropout_minus_r1", "dropout_after": 1},
            "for dropout after the last hidden layer alone, not after 1: write dropout_after: 2, or another objective",
        ),
        (
            {"objective": "risk_plus_r1", "training": {"precision": "bfloat16"}},
            "squares of small numbers: write precision: float32",
        ),
        (
            {"gradient_penalty_weight": 0.1},
            "has a gradient_penalty_weight, which only weighs R_2, but its objective is dropout: leave "
            "gradient_penalty_weight out",
        ),
        (
            {"noise": "isotropic"},
            "has the noise isotropic, which takes dropout's place in a descent on the risk:",
        ),
        ({"noise": "hessian", "objective": "risk"}, "has a noise, which a training has by gradient descent on the"),
        ({"noise": "white", "objective": "risk"}, "noise' is 'white'"),
        ({"gradient_penalty_weight": 0, "objective": "risk_plus_r2"}, "gradient_penalty_weight' is 0"),
        ({"penalty": 0.1}, "runs.keep0.9-lr0.1.penalty' is not a known key"),
        ({"initial_scale": [1, 1]}, "run 'keep0.9-lr0.1' gives 2 numbers as initial_scale for 3 layers: write 3"),
        ({"model": {"initial_scale": [1, 1]}}, "the model gives 2 numbers as initial_scale for 3 layers: write 3"),
        (
            {"initial_scale": [1, 1, 1], "start": "keep0.8-lr0.1"},
            "has an initial_scale but starts at the end point of another: leave initial_scale out",
        ),
        (
            {"start": "keep0.7"},
            "run 'keep0.9-lr0.1' starts at the end point of 'keep0.7', which is no run of the experiment: write one of "
            "keep0.8-lr0.1",
        ),
        ({"start": RUN}, "'keep0.9-lr0.1' starts at the end point of 'keep0.9-lr0.1', which leads back to"),
        (
            {"train_examples": 7, "training": {"batch_size": 8}},
            "training.batch_size is 8, but run 'keep0.9-lr0.1' has 7 train_examples: write at most as many",
        ),
        (
            {"training": {"label_smoothing": 0.1}},
            "loss mse does not support label smoothing: write loss: cross_entropy",
        ),
    ],
)
def test_runs_that_do_not_fit_are_refused(load, keys, sentence):
    with pytest.raises(ConfigurationError) as error:
        load(overrides=with_run(**keys))
    assert sentence in str(error.value)


def test_runs_that_start_at_each_other_are_refused(load):
    runs = {"keep0.9-lr0.1": {"start": "keep0.8-lr0.1"}, "keep0.8-lr0.1": {"start": "keep0.9-lr0.1"}}
    with pytest.raises(ConfigurationError, match=r"which leads back to 'keep0\.\d-lr0\.1': write start: null"):
        load(overrides=of_mnist(runs=runs))


def test_other_networks_take_as_many_keep_probabilities_as_they_have_layers_of_dropout(load):
    """How many these are, the network knows; the training refuses another number."""
    runs = {"dropout": {"keep_prob": [0.9] * 4}}
    overrides = {"noise_structure": {"experiments": {"cifar10_vgg9": {"runs": runs}}}}
    assert load(overrides=overrides).experiments["cifar10_vgg9"].runs["dropout"].keep_prob == [0.9] * 4


@pytest.mark.parametrize(
    ("experiment", "keys", "sentence"),
    [
        ("cifar10_vgg9", {"initial_scale": [1.0]}, "has an initial_scale but is of the network vgg9, not fnn"),
        ("cifar10_vgg9", {"objective": "risk_plus_r1"}, "for a fully-connected network, not vgg9"),
        ("multi30k_transformer", {}, "loss mse does not support "),
    ],
)
def test_what_other_networks_do_not_have_is_refused(load, experiment, keys, sentence):
    changed = {"loss": "mse", "runs": {"dropout": keys}}
    with pytest.raises(ConfigurationError, match=sentence):
        load(overrides={"noise_structure": {"experiments": {experiment: changed}}})


def test_an_experiment_stands_in_one_study_only(load, root):
    copy = read_yaml(root / "config/studies/noise_structure.yaml")["experiments"]["mnist_fnn_plain"]
    with pytest.raises(ConfigurationError, match="stands in studies modified_equations and noise_structure: rename"):
        load(overrides={"modified_equations": {"experiments": {"mnist_fnn_plain": copy}}})


@pytest.fixture
def own_root(root, tmp_path):
    """A copy of the configuration that a test may change."""
    shutil.copytree(root / "config", tmp_path / "config")
    return tmp_path


def test_a_scale_file_that_names_no_study_is_named_itself(own_root):
    (own_root / "config/scales/quick.yaml").write_text("noise: {}\n")
    with pytest.raises(ConfigurationError, match=r"^config/scales/quick\.yaml names the study 'noise'"):
        load_settings({}, own_root)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a: [1", ", line 2, column 1 is no YAML"),
        ("- a\n", " holds a list: write `key: value` lines"),
        (None, " does not exist"),
    ],
)
def test_an_unreadable_file_is_named(own_root, content, sentence):
    path = own_root / "config/scales/quick.yaml"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ConfigurationError, match=f"quick.yaml{sentence}"):
        load_settings({}, own_root)


def test_an_empty_file_is_an_empty_mapping(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "empty.yaml") == {}
