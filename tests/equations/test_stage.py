import math

import numpy as np
import pytest
import torch

from dropscape.equations import stage
from dropscape.equations.stage import divergence, simulate_trajectories
from tests.equations.experiment import SETTINGS, Experiment, Stopped, stopped_at

TABLES = ("trajectories", "divergences", "matrices", "merging")
RUNS = {
    "calm": {"keep_prob": 0.9, "learning_rate": 0.1, "steps": 6},
    "wild": {"keep_prob": 0.5, "learning_rate": 0.3, "steps": 4},
}
OWN = SETTINGS | {
    "methods": ["dropout", "dropout_again", "order_1", "descent"],
    "trials": 2,
    "history_points": 4,
    "batch_size": None,
    "samples": None,
    "matrices": None,
    "many_samples": None,
    "runs": RUNS,
}
SAMPLED = OWN | {
    "methods": ["dropout", "dropout_again", "order_1", "order_1_many", "descent"],
    "batch_size": 3,
    "samples": 4,
    "many_samples": 7,
    "model": OWN["model"] | {"widths": [4, 3]},
}


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path, simulate_trajectories)


@pytest.mark.parametrize("settings", [OWN, SAMPLED], ids=["exact", "sampled"])
def test_every_trial_of_every_method_at_every_point_from_one_start(experiment, settings):
    trajectories, divergences, *matrices = experiment.run(settings, *TABLES)
    assert all(table.empty for table in matrices)
    methods, trials = settings["methods"], 4
    assert len(divergences) == 2 * len(methods) and (divergences["trials"] == trials).all()
    assert (divergences["diverged"] == 0).all() and divergences["first_step"].isna().all()
    assert trajectories.notna().all(axis=None)
    for (rate, keep_prob), rows in trajectories.groupby(["learning_rate", "keep_prob"]):
        (run,) = (run for run in RUNS.values() if (run["learning_rate"], run["keep_prob"]) == (rate, keep_prob))
        assert set(rows["method"]) == set(methods) and rows["step"].max() == run["steps"]
        assert {tuple(group["seed"]) for _, group in rows.groupby(["method", "step"])} == {(2, 2, 5, 5)}
        first = rows[rows["step"] == 0].pivot_table(index="trial", columns="method", values="loss")
        assert first.nunique(axis=1).eq(1).all() and first["dropout"].nunique() == trials
        last = rows[rows["step"] == run["steps"]].pivot_table(index="trial", columns="method", values="loss")
        assert last.nunique(axis=1).eq(len(methods)).all()


@pytest.mark.parametrize("settings", [OWN, SAMPLED], ids=["exact", "sampled"])
def test_torchs_mean_is_a_smaller_learning_rate_on_the_sum(experiment, settings):
    """With three outputs 2/3 of the loss, which a rate 3/2 times as large makes up for."""
    summed, *_ = experiment.run(settings, *TABLES)
    larger = {name: run | {"learning_rate": 1.5 * run["learning_rate"]} for name, run in RUNS.items()}
    mean, *_ = experiment.run(settings | {"loss": "torch_mse", "runs": larger}, *TABLES)
    for column in ("loss", "test_loss"):
        np.testing.assert_allclose(mean[column], 2 / 3 * summed[column], rtol=2e-5)


@pytest.mark.parametrize("settings", [OWN, SAMPLED], ids=["exact", "sampled"])
def test_an_interrupted_job_ends_as_one_that_was_not(experiment, settings, monkeypatch):
    whole = experiment.run(settings, *TABLES)
    with monkeypatch.context() as patched:
        stopped_at(patched, stage, 8)
        with pytest.raises(Stopped):
            experiment.run(settings, *TABLES)
    assert len(list(experiment.checkpoints.iterdir())) == 2, "a finished and an unfinished simulation"
    parts = experiment.run(settings, *TABLES)
    assert all(one.equals(other) for one, other in zip(parts, whole, strict=True))


def test_descent_is_without_noise_on_all_examples(experiment):
    """Exact for one hidden layer, also beside batches; in a deep network a mean, whose noise dies with its draws."""
    exact, *_ = experiment.run(OWN | {"methods": ["descent"]}, *TABLES)
    batches = SAMPLED | {"methods": ["descent"], "model": OWN["model"]}
    assert experiment.run(batches, *TABLES)[0].equals(exact)
    few, many, more = (
        experiment.run(SAMPLED | {"methods": ["descent"], "many_samples": count}, *TABLES)[0]["loss"]
        for count in (4, 2000, 4000)
    )
    assert (many - more).abs().max() < 0.2 * (few - more).abs().max()


def test_what_diverges_is_counted_and_has_no_losses(experiment):
    runs = {"wild": {"keep_prob": 0.5, "learning_rate": 1e12, "steps": 9}}
    trajectories, divergences, *_ = experiment.run(OWN | {"runs": runs, "history_points": 30}, *TABLES)
    assert (divergences["diverged"] == 4).all()
    for _, row in divergences.iterrows():
        own = trajectories[trajectories["method"] == row["method"]]
        after = own[own["step"] >= own["step"].max()]
        assert row["first_step"] <= 9 and after[["loss", "test_loss", "test_accuracy"]].isna().all(axis=None)
        assert own.loc[own["step"] == 0, "loss"].notna().all()


def test_a_trial_that_diverges_has_no_more_matrices_and_the_others_go_on(experiment):
    asked = {"recorded_steps": 3, "leading_directions": 2, "merging_rates": [0.1, 0.2, 0.4], "merging_time": 0.4}
    runs = {"wild": {"keep_prob": 0.5, "learning_rate": 1e12, "steps": 9}}
    settings = OWN | {"runs": runs, "matrices": asked | {"merging_trials": 20}}
    _, divergences, matrices, _ = experiment.run(settings, *TABLES)
    assert divergences["diverged"].sum() and set(matrices["step"]) == {0, 1}  # finite, if huge, after a step


def test_matrices_along_dropout_and_descents_gap_where_they_are_asked_for(experiment):
    asked = {"recorded_steps": 3, "leading_directions": 2, "merging_rates": [0.1, 0.2, 0.4], "merging_time": 0.8}
    settings = OWN | {"matrices": asked | {"merging_trials": 20}}
    trajectories, _, matrices, merging = experiment.run(settings, *TABLES)
    plain, *_ = experiment.run(OWN, *TABLES)
    assert trajectories.equals(plain) and matrices.notna().all(axis=None) and merging.notna().all(axis=None)
    for run in RUNS.values():
        rows = matrices[np.isclose(matrices["learning_rate"], run["learning_rate"])]
        assert sorted(set(rows["step"])) == [0, 1, run["steps"]]
        assert rows[rows["step"] == 0]["seed"].tolist() == [2, 2, 5, 5]
    assert matrices["loss_error"].max() < 1e-9
    assert set(merging["keep_prob"]) == {0.9, 0.5} and set(merging["batch"]) == set(range(10))
    steps = merging.groupby("learning_rate")["step"].max()
    assert steps.to_dict() == {0.1: 8, 0.2: 4, 0.4: 2}
    (of_mean, *_), (of_sum, *_) = (
        experiment.run(settings | {"loss": loss}, *TABLES)[2:] for loss in ("torch_mse", "mse")
    )
    first = [table[table["step"] == 0].reset_index(drop=True) for table in (of_mean, of_sum)]
    assert first[0].equals(first[1]), "matrices are those of R_S, whatever the loss is"


def test_divergence_of_some_trials():
    assert divergence(torch.tensor([-1, 7, 3, -1])) == {"trials": 4, "diverged": 2, "first_step": 3}
    assert math.isnan(divergence(torch.tensor([-1]))["first_step"])
