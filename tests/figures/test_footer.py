"""The footer names the settings that are not the paper's, and how a network is measured."""

from pathlib import Path

import pytest

from dropscape.config.load import load_settings
from dropscape.resolved.workflow import Workflow
from tests.figures.made import check_page, footer

ROOT = Path(__file__).parents[2]
PHRASES = ["2,000 of 10,000 training images", "flow time 140 of 400"]


@pytest.fixture
def below(make):
    """The footer with other ``experiments`` (what each has besides), and with what the description is changed in."""
    made = make("projected_variance")
    (one,) = made.description["experiments"]

    def words(*experiments, **changes):
        described = [one | {"name": f"mnist_{number}"} | more for number, more in enumerate(experiments)]
        figure = made.drawn(description=made.description | {"experiments": described} | changes)
        check_page(figure)
        return footer(figure)

    return words


def test_the_scale_is_said_with_everything_that_differs(below):
    assert "2 seeds (0, 1). Scale quick: 2,000 of 10,000 training images, flow time 140 of 400. " in below(
        {"deviations": PHRASES}
    )


@pytest.mark.parametrize(("scale", "said"), [("paper", "Scale paper. "), ("quick", "Scale quick, with the paper's")])
def test_a_scale_stands_alone_at_the_papers_settings_only(below, scale, said):
    assert said in below({"deviations": []}, scale=scale)
    assert f"Scale {scale}: {PHRASES[0]}. " in below({"deviations": PHRASES[:1]}, scale=scale)


def test_each_of_several_experiments_has_its_own_list(below):
    text = below({"deviations": PHRASES[:1]}, {"deviations": []}, {"deviations": PHRASES[1:]}, scale="paper")
    parts = text.split("Fully-connected network")[1:]
    ends = [f"Scale paper: {PHRASES[0]}.", "Scale paper.", f"Scale paper: {PHRASES[1]}."]
    assert [end in part for end, part in zip(ends, parts, strict=True)] == [True] * 3
    assert below({"deviations": []}, {"deviations": []}, scale="paper").count("Scale paper.") == 1


def test_what_the_figure_itself_lacks_is_said(below):
    text = below({"deviations": PHRASES}, deviations=["2 of 4 experiments"])
    assert "Differs from the paper's figure: 2 of 4 experiments." in text
    alone = below({"deviations": []}, deviations=["2 of 4 experiments"], scale="paper")
    assert "Scale paper: 2 of 4 experiments. " in alone


def test_a_long_list_is_wrapped_and_stays_on_the_page(below):
    many = [f"{number},000 of 250,000 training images" for number in range(10, 50)]
    text = below({"deviations": many}, {"deviations": many[::-1]})
    assert all(text.count(phrase) == 2 for phrase in many)


def test_how_a_network_is_measured_stands_in_the_footer(below):
    """``notes`` of the network reach the figure by its settings."""
    workflow = Workflow(load_settings({"scale": "quick"}, ROOT))
    settings = workflow.job_settings("figures", {"figure": "noise_structure-fig1"})
    notes = {one["name"]: one["notes"] for one in settings["experiments"]}
    assert notes["mnist_wide_fnn"] == notes["multi30k_transformer"] == []
    (kept,) = notes["cifar10_vgg9"]
    assert kept.startswith("batch norm keeps the statistics of the whole training set")
    assert notes["cifar100_resnet20"][0] == kept and "dropout follows" in notes["cifar100_resnet20"][1]
    assert f"2 seeds (0, 1); {kept}. Scale" in below({"notes": [kept]})


def test_the_masks_of_r2_stand_in_the_footer():
    workflow = Workflow(load_settings({"scale": "quick"}, ROOT))
    settings = workflow.job_settings("figures", {"figure": "implicit_regularization-fig3"})
    notes = [experiment["notes"][-1] for experiment in settings["experiments"]]
    assert notes == ["R₂ under a mask for each example", "R₂ under one mask for all examples"]
