"""Experiments that are chosen, with the figures and the claims that are theirs."""

import shutil

import pytest

from dropscape.config.load import SCALES, load_settings
from dropscape.errors import ConfigurationError


def test_experiments_can_be_chosen_with_the_figures_and_claims_that_are_theirs(load):
    def chosen(*names):
        settings = load(scale="paper", experiments=list(names))
        assert {name for study in settings.studies.values() for name in study.all_experiments} == set(names)
        figures = {f"{study}-{name}" for study, one in settings.studies.items() for name in one.figures}
        return settings, figures

    settings, figures = chosen("cifar10_vgg9")
    assert figures == {"noise_structure-fig1", "implicit_regularization-fig12", "implicit_regularization-table1"}
    assert settings.studies["noise_structure"].figures["fig1"].experiments == ["cifar10_vgg9"]
    assert {name for study in settings.studies.values() for name in study.claims} == {
        "A-fig1-flatter-vgg9",
        "A-fig1-flatter-vgg9-rise",
        "A-fig1-flatter-vgg9-biases",
        "A-fig1-generalizes-vgg9",
        "A-fig1-loss-vgg9",
        "A-fig1-rise-sensitivity-vgg9",
        "A-fig1-accuracy-vgg9",
        "A-fig1-accuracy-vgg9-plain",
        "B-table1-vgg9",
    }
    assert all(not study.theory.tables for study in settings.studies.values())

    # Fig. 9 compares runs of two experiments, Fig. 4 shows the same runs of two.
    _, alone = chosen("curve_tanh")
    _, both = chosen("curve_tanh", "curve_tanh_small")
    assert both - alone == {"implicit_regularization-fig9a", "implicit_regularization-fig9b"}
    assert "implicit_regularization-fig4" in chosen("curve_tanh_three")[1]
    assert load(scale="paper", experiments=["mnist_7x7"], seeds=[7]).experiments["mnist_7x7"].seeds == [7]


def test_chosen_experiments_do_not_hide_what_is_wrong_or_added_elsewhere(load, root, tmp_path):
    misspelt = {"noise_structure": {"experimets": {"cifar10_vgg9": {"seeds": [9]}}}}
    with pytest.raises(ConfigurationError, match="experimets' is not a known key"):
        load(experiments=["cifar10_vgg9"], overrides=misspelt)

    shutil.copytree(root / "config", tmp_path / "config")
    with (tmp_path / "config/claims/noise_structure.yaml").open("a") as claims:
        claims.write(OWN_CLAIM)
    figure = {"kind": "variance_flatness", "experiment": "mnist_fnn", "sample": "gradients", "paper_reference": "ours"}
    own = {"noise_structure": {"figures": {"wide2d": figure}}}
    for chosen, judged in ((None, True), (["mnist_fnn"], True), (["cifar10_vgg9"], False)):
        user = {"scale": "smoke", "experiments": chosen, "overrides": own}
        assert ("own" in load_settings(user, tmp_path).studies["noise_structure"].claims) is judged


def test_figures_can_be_chosen_with_what_they_draw_and_their_claims(load):
    settings = load(figures=["noise_structure-fig4", "fig1bc"])
    figures = {f"{study}-{name}": one for study, of in settings.studies.items() for name, one in of.figures.items()}
    assert set(figures) == {"modified_equations-fig1bc", "noise_structure-fig4"}
    assert set(settings.made_experiments) == {name for figure in figures.values() for name in figure.experiments}
    assert set(settings.made_experiments) == set(settings.experiments)
    assert all(not study.theory.tables for study in settings.studies.values())
    claims = {claim.figure for study in settings.studies.values() for claim in study.claims.values()}
    assert claims == {"fig4", "fig1bc"}

    of_theory = load(figures=["fig11"]).studies
    assert of_theory["implicit_regularization"].theory.tables and not of_theory["noise_structure"].theory.tables


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("fig2q", "no study has the figure 'fig2q': write fig2"),
        ("zzz", "no study has the figure 'zzz': write one of"),
        ("fig2", "is a figure of several studies: write implicit_regularization-fig2 or subnetworks-fig2"),
        ("fig3b", "the scale or the overrides leave out the figure 'fig3b': write another scale"),
    ],
)
def test_a_figure_that_is_not_there_is_refused_with_what_is_near(load, figure, said):
    with pytest.raises(ConfigurationError, match=said):
        load(figures=[figure])


OWN_CLAIM = """
own:
  figure: wide2d
  statement: The relation holds.
  origin: extension
  measures: rank correlation
  statistic: {name: variance_flatness_rank, sample: gradients}
  expected: {below: 0}
  control: none
"""


@pytest.mark.parametrize("scale", SCALES)
def test_any_experiment_can_be_chosen_alone(load, scale):
    studies = load(scale=scale).studies.values()
    drawn = {name for study in studies for figure in study.figures.values() for name in figure.experiments}
    assert len(drawn) > 10
    for name in drawn:
        try:
            settings = load(scale=scale, experiments=[name])
        except ConfigurationError as error:
            beside = str(error).partition("compares with others: name ")[2].rstrip(".").split(", ")
            settings = load(scale=scale, experiments=beside)
        assert any(one.figures for one in settings.studies.values())
