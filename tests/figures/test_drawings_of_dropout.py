"""The drawings of every kind: reproducible, complete and with nothing off the page."""

import math
from pathlib import Path

import matplotlib.image
import pytest

from dropscape.figures import page
from dropscape.figures.stage import draw_table
from dropscape.jobs import Job
from tests.figures.conftest import KINDS, RUNS
from tests.figures.made import check_page, footer, legends, titles

MINUS = "\N{MINUS SIGN}"
SCATTERS = ("variance_flatness", "projected_variance")


@pytest.mark.parametrize("kind", ("projected_variance", "alignment_cosine"))
def test_drawing_twice_gives_the_same_bytes_with_embedded_fonts(kind, make, tmp_path):
    paths = make(kind).saved()
    again = paths | {ending: str(tmp_path / f"again.{ending}") for ending in ("pdf", "png", "svg")}
    draw_table(Job("figures", "again", {}, {}, again))
    for ending in ("pdf", "png", "svg"):
        assert Path(paths[ending]).read_bytes() == Path(again[ending]).read_bytes()
    pdf = Path(paths["pdf"]).read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"/CreationDate" not in pdf
    assert matplotlib.image.imread(paths["png"]).shape[1] == 200 * page.PAGE_WIDTH


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_off_the_page_and_no_text_lies_on_another(kind, make):
    figure = make(kind).drawn()
    check_page(figure)
    assert legends(figure) or kind in SCATTERS


@pytest.mark.parametrize("kind", SCATTERS)
@pytest.mark.parametrize("runs", [RUNS, {"keep0.8-lr0.1": RUNS["keep0.8-lr0.1"]}], ids=["all", "one"])
def test_a_trajectory_has_a_panel_for_each_run_with_and_without_drift(kind, runs, make):
    figure = make(kind, runs=runs, sample="trajectory").drawn()
    check_page(figure)
    rows = {"variance_flatness": 3, "projected_variance": 2}[kind]
    assert len(figure.axes) == rows * len(runs)
    assert ("detrended steps, keep 0.8, lr 0.1" in titles(figure)) == (len(runs) == 1)
    said = footer(figure)
    assert "A straight line of the step explains 90.0 % to 91.0 % of a raw trajectory's variance" in said
    assert "the loss under dropout falls by 30.0 % (main runs)" in said


def test_points_far_out_do_not_set_the_axes_and_are_counted_at_their_edge(make):
    made = make("variance_flatness")
    points = made.points.copy()
    drawn = points.index[points["reason"].isna() & (points["estimate"] == "in-sample")]
    run = points.loc[drawn[0], "run"]
    points.loc[drawn[0], "flatness"] = 1e9
    points.loc[drawn[1], "variance"] = 1e-40
    figure = made.drawn(points=points)
    assert figure.axes[0].get_xlim()[1] < 1e6 and figure.axes[0].get_ylim()[0] > 1e-20
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert points.loc[drawn[1], "run"] == run and [text for text in texts if "beyond" in text] == ["2 beyond"]
    check_page(figure)


@pytest.mark.parametrize("kind", KINDS)
def test_footer_names_data_sizes_and_every_reason(kind, make):
    made = make(kind)
    below = footer(made.drawn())
    for words in ("mnist_fnn, 4,000 + 1,000 real digits", "Scale quick", "n = 4,000", "N = 800", "2 seeds (0, 1)"):
        assert words in below
    assert below.startswith("Fully-connected network 784-50-50-10 on MNIST; ")
    for entry in made.description["undefined"]:
        for reason, count in entry["reasons"].items():
            assert f"{count:,} \N{MULTIPLICATION SIGN} {reason.rstrip('.')}" in below


def test_smoothed_labels_have_a_panel_without_their_entropy(make):
    plain, smoothed = (make("variance_flatness", label_smoothing=value).drawn() for value in (0.0, 0.1))
    check_page(smoothed)
    assert "the labels' entropy included" in footer(smoothed) and "entropy" not in footer(plain)
    labels = [[axes.get_ylabel().split("\n")[0] for axes in figure.axes[:: len(RUNS)]] for figure in (plain, smoothed)]
    assert labels[1] == [*labels[0], "flatness without entropy"] and len(labels[0]) == 2


@pytest.mark.parametrize("kind", SCATTERS)
def test_each_panel_gives_its_slopes_with_their_intervals(kind, make):
    made = make(kind)
    texts = [axes.texts[0].get_text() for axes in made.drawn().axes]
    for _, fit in made.summary.iterrows():
        said = f"{fit['range']}: {fit['slope']:.2f}\n[{fit['slope_low']:.2f}, {fit['slope_high']:.2f}]".replace(
            "-", MINUS
        )
        assert any(said in text for text in texts)
    assert len(texts) == len(made.summary) / 2


def test_one_run_alone_has_no_panel_for_variants(make):
    made = make("alignment_cosine", runs={"keep0.8-lr0.1": RUNS["keep0.8-lr0.1"]})
    assert "Variants of the dropout" not in titles(made.drawn())


@pytest.mark.parametrize("kind", KINDS)
def test_points_that_are_all_undefined_leave_empty_axes(kind, make):
    made = make(kind, runs={"keep0.8-lr0.1": RUNS["keep0.8-lr0.1"]})
    numbers = made.summary.select_dtypes("float").columns.difference(["keep_prob", "learning_rate", "step"])
    summary = made.summary.assign(**dict.fromkeys(numbers, math.nan))
    assert made.drawn(points=made.points.assign(reason="nothing"), summary=summary).axes
