"""Experiments of a stage beside those that are trained, and what those on the equations cannot mean."""

import pytest

from dropscape.errors import ConfigurationError

POINT = {"keep_prob": 0.9, "learning_rate": 0.1, "steps": 3}
TRAJECTORIES = {
    "methods": ["dropout", "order_1"],
    "trials": 2,
    "runs": {"one": POINT, "two": POINT | {"keep_prob": 0.5}},
}
MATRICES = {
    "recorded_steps": 3,
    "leading_directions": 2,
    "merging_rates": [0.1, 0.2, 0.4],
    "merging_time": 0.8,
    "merging_trials": 20,
}
WEAK = {"methods": ["order_1"], "keep_probs": [0.9], "learning_rates": [0.1, "5e-2"], "flow_time": 1, "trials": 9}
NOISES = {
    "learning_rate": 0.1,
    "steps": 3,
    "trials": 2,
    "keep_prob": 0.8,
    "batch_size": 4,
    "parameter_noise": 0.01,
    "mean_samples": 5,
}
DATA = {"train_examples": 10, "test_examples": 5, "side": 7}
FIGURE = {"kind": "trajectories", "experiment": "own", "paper_reference": "none"}


def overrides(figure=None, study="modified_equations", **sections):
    experiment = {"data": DATA, "model": {"widths": [3]}, "seeds": [0]} | sections
    return {study: {"equations": {"own": experiment}, "figures": {"own": figure} if figure else {}}}


def test_an_experiment_has_the_tables_that_its_sections_ask_for(load):
    def tables(**sections):
        tasks = load(overrides=overrides(**sections)).experiments["own"].tasks("cpu")
        assert all(task.on_device and task.settings["device"] == "cpu" for task in tasks)
        return [table for task in tasks for table in task.tables]

    assert tables() == []
    assert tables(trajectories=TRAJECTORIES) == ["trajectories", "divergences", "matrices", "merging"]
    assert tables(weak_errors=WEAK, noises=NOISES) == ["weak_errors", "few_trials", "noises"]


def test_its_seeds_are_the_users_like_those_of_every_experiment(load):
    assert load(overrides=overrides()).experiments["own"].seeds == [0]
    assert load(overrides=overrides(), seeds=[5, 6]).experiments["own"].seeds == [5, 6]


@pytest.mark.parametrize("kind", ["trajectories", "test_trajectories"])
def test_a_figure_draws_it(load, kind):
    chosen = FIGURE | {"kind": kind, "runs": ["two"]}
    settings = load(overrides=overrides(chosen, trajectories=TRAJECTORIES))
    assert settings.studies["modified_equations"].figures["own"].experiments == ["own"]


REFUSED = [
    (
        overrides(FIGURE),
        "modified_equations-own of kind trajectories needs the table trajectories, which experiment 'own' has not",
    ),
    (
        overrides(FIGURE | {"kind": "noises"}, weak_errors=WEAK),
        "needs the table noises, which experiment 'own' has not: write its section into the experiment",
    ),
    (
        overrides(FIGURE | {"kind": "slices"}, weak_errors=WEAK),
        "of kind slices draws trainings, and 'own' is an experiment of another form: write an experiment",
    ),
    (
        overrides(FIGURE | {"experiment": "mnist_fnn"}),
        "of kind trajectories draws no trainings, as 'mnist_fnn' has: write another experiment",
    ),
    (
        overrides(FIGURE | {"runs": ["three"]}, trajectories=TRAJECTORIES),
        "draws the run 'three', which is none of own",
    ),
    (
        overrides(data=DATA | {"dataset": "digits"}),
        "experiment 'own' names the dataset 'digits': write one of cifar10,",
    ),
    (overrides(seeds=[1, 1]), "seeds: [1, 1] names a seed twice"),
    (overrides(model={"widths": [3], "initial_scale": [1.0]}), "but the network has 2 layers: write one number"),
    (overrides(weak_errors=WEAK | {"flow_time": 0.12}), "flow_time 0.12 is no multiple of the learning rate 0.1"),
    (overrides(weak_errors=WEAK | {"trials": 2}), "weak_errors.trials' is 2"),
    (
        overrides(trajectories=TRAJECTORIES | {"runs": {"one": POINT, "two": POINT | {"steps": 4}}}),
        "runs 'one' and 'two' are the same point: leave one out",
    ),
    (overrides(model={"widths": [3, 3]}, trajectories=TRAJECTORIES), "write trajectories.samples"),
    (overrides(trajectories=TRAJECTORIES | {"batch_size": 4}), "write trajectories.samples"),
    (
        overrides(trajectories=TRAJECTORIES | {"samples": 8, "methods": ["dropout", "order_2"]}),
        "trajectories.methods names order_2, which has no estimate from samples: write order_1 instead",
    ),
    (
        overrides(model={"widths": [3, 3]}, trajectories=TRAJECTORIES | {"samples": 8, "methods": ["descent"]}),
        "descent is estimated: write trajectories.samples and many_samples",
    ),
    (
        overrides(trajectories=TRAJECTORIES | {"many_samples": 8, "methods": ["order_1_many"]}),
        "order_1_many is estimated: write trajectories.samples and many_samples",
    ),
    (
        overrides(model={"widths": [13]}, trajectories=TRAJECTORIES | {"matrices": MATRICES}),
        "goes through all masks of one hidden layer: write one width of at most 12",
    ),
    (
        overrides(FIGURE | {"kind": "exact_matrices"}, trajectories=TRAJECTORIES),
        "needs the section trajectories.matrices in experiment 'own'",
    ),
    (overrides(model={"widths": [3, 3]}, noises=NOISES), "are measured with one hidden layer: write one width"),
    (
        {"modified_equations": {"equations": {"mnist_fnn": {"data": DATA, "model": {"widths": [3]}, "seeds": [0]}}}},
        "experiment 'mnist_fnn' stands in studies modified_equations and noise_structure: rename one",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=[sentence[-40:] for _, sentence in REFUSED])
def test_what_cannot_work_is_refused(load, changes, sentence):
    with pytest.raises(ConfigurationError) as error:
        load(overrides=changes)
    assert sentence in str(error.value)
