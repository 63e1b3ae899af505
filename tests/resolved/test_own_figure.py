"""A figure whose settings a user chose: which runs it then has, what it says of them, and what is refused."""

from functools import cache
from pathlib import Path

import pytest

from dropscape.config.load import load_settings, merged_experiments
from dropscape.errors import ConfigurationError
from dropscape.resolved.own_figure import Asked, figure_overrides
from dropscape.resolved.workflow import Workflow

ROOT = Path(__file__).resolve().parents[2]


def resolved(figure, **user):
    return Workflow(load_settings({"scale": "smoke", "figures": [figure], **user}, ROOT))


as_it_is = cache(resolved)


def made(figure, asked, **user):
    """The workflow of the figure with what is asked for."""
    before = as_it_is(figure, **user)
    overrides = figure_overrides(before, figure, asked, merged_experiments(before.user, ROOT))
    return resolved(figure, **user | {"overrides": overrides})


def points(workflow, experiment):
    runs = workflow.settings.experiments[experiment].runs
    return {name: (run.keep_prob, run.learning_rate) for name, run in runs.items()}


def test_each_run_is_made_at_every_point_and_all_else_stays():
    workflow = made("noise_structure-fig2d", Asked((0.6, 0.7), (0.1, 0.2), 30), scale="quick")
    found = points(workflow, "mnist_fnn")
    assert {found[f"keep{keep}-lr{lr}"] for keep in (0.6, 0.7) for lr in (0.1, 0.2)} == {
        (keep, lr) for keep in (0.6, 0.7) for lr in (0.1, 0.2)
    }
    assert all(point in {(0.6, 0.1), (0.6, 0.2), (0.7, 0.1), (0.7, 0.2)} for point in found.values())
    settings = workflow.settings.experiments["mnist_fnn"]
    assert settings.training.steps == 30 and settings.training.flow_time is None
    before = as_it_is("noise_structure-fig2d", scale="quick").settings.experiments["mnist_fnn"]
    variants = [(run.dropout_after, run.mask_mode) for run in before.runs.values()]
    assert {(run.dropout_after, run.mask_mode) for run in settings.runs.values()} == set(variants)
    assert settings.flatness == before.flatness and settings.data == before.data


def test_the_figure_loses_the_papers_label_and_names_what_differs():
    workflow = made("noise_structure-fig2d", Asked((0.6,)))
    settings = workflow.job_settings("figures", {"figure": "noise_structure-fig2d"})
    assert settings["paper_reference"] == "Own settings, after Paper A, Fig. 2(d)"
    assert "keep probability 0.6 for 0.5 / 0.8 / 0.9" in settings["experiments"][0]["deviations"]


def test_a_run_without_dropout_keeps_all_units_and_names_of_their_own_stay():
    found = points(made("noise_structure-fig1", Asked((0.6,), (0.05,))), "cifar10_vgg9")
    assert found == {"dropout": (0.6, 0.05), "plain": (1, 0.05)}


def test_runs_of_a_grid_and_their_starts_follow():
    grid = points(made("implicit_regularization-fig14", Asked((0.6,))), "mnist_two_layer")
    assert all(keep == 0.6 or name.startswith("risk-") for name, (keep, _) in grid.items()) and grid
    started = made("implicit_regularization-fig5a", Asked((0.6,), (0.02,))).settings.experiments["curve_tanh"].runs
    assert {run.start for run in started.values()} - {None} <= set(started)


A, B, C, D = "noise_structure", "implicit_regularization", "modified_equations", "subnetworks"


@pytest.mark.parametrize(
    ("figure", "asked", "kept"),
    [
        (
            f"{C}-fig2a",
            Asked((0.6,), (0.5, 0.2)),
            lambda one: {p.learning_rate for p in one.runs.values()} == {0.5, 0.2},
        ),
        (f"{C}-fig1bc", Asked((0.6,), (0.1, 0.2)), lambda one: one.weak_errors.learning_rates == [0.1, 0.2]),
        (f"{C}-appendix-d", Asked((0.3,), (), 5), lambda one: (one.noises.keep_prob, one.noises.steps) == (0.3, 5)),
        (f"{D}-fig1", Asked((0.4,)), lambda one: one.keep_probs == [0.4]),
        (f"{D}-rate", Asked((0.4,), (0.01,), 20), lambda one: (one.steps, one.learning_rate) == (20, 0.01)),
        (f"{A}-fig4", Asked((0.4,)), lambda one: one.alignment.keep_probs == [0.4]),
    ],
)
def test_experiments_of_every_form_take_the_options(figure, asked, kept):
    workflow = made(figure, asked)
    assert all(kept(workflow.settings.experiments[name]) for name in workflow.figures[figure].experiments)


@pytest.mark.parametrize(
    ("figure", "asked", "said"),
    [
        (f"{B}-fig11", Asked((0.6,)), "draws theory on small networks, which nothing trains: leave out --keep"),
        (f"{C}-fig1bc", Asked(steps=20), f"--steps changes nothing that {C}-fig1bc draws"),
        (f"{C}-appendix-d", Asked((0.6, 0.7)), "takes one value of --keep: mnist_7x7_noises has one for all"),
        (f"{D}-fig2", Asked((), (0.1, 0.2)), "takes one value of --lr"),
        (f"{B}-fig14", Asked((0.6, 0.7)), "draws a line to the run 'risk_plus_r1-keep0.8-lr0.05'"),
        (f"{B}-fig5a", Asked((), (0.1, 0.2)), "draws a run that starts at the end point of the run 'plain'"),
        (f"{C}-fig1bc", Asked((), (0.07,)), "no multiple of the learning rate 0.07"),
        (f"{A}-fig2d", Asked((1.5,)), "keep_prob"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_in_one_sentence(figure, asked, said):
    with pytest.raises(ConfigurationError) as refused:
        made(figure, asked)
    assert said in str(refused.value)
