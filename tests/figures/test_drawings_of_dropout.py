"""The drawings of every kind: reproducible, complete and with nothing off the page."""

import math
from pathlib import Path

import matplotlib.image
import pytest

from dropscape.figures import page
from dropscape.figures.drawing_stage import draw_figure
from dropscape.jobs import Job
from tests.figures.conftest import KINDS, RUNS
from tests.figures.made import check_page, footer, legends, titles

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize("kind", ("projected_variance", "alignment_cosine"))
def test_drawing_twice_gives_the_same_bytes_with_embedded_fonts(kind, make, tmp_path):
    paths = make(kind).saved()
    again = {"pdf": str(tmp_path / "again.pdf"), "png": str(tmp_path / "again.png")}
    draw_figure(Job("figures", "again", {}, paths, again))
    for ending in ("pdf", "png"):
        assert Path(paths[ending]).read_bytes() == Path(again[ending]).read_bytes()
    pdf = Path(paths["pdf"]).read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"/CreationDate" not in pdf
    assert matplotlib.image.imread(paths["png"]).shape[1] == 200 * page.PAGE_WIDTH


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_off_the_page_and_no_text_lies_on_another(kind, make):
    figure = make(kind).drawn()
    check_page(figure)
    assert legends(figure)


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
    assert "the entropy of the labels included" in footer(smoothed) and "entropy" not in footer(plain)
    assert titles(plain)[2] == "Variants of the dropout"
    assert titles(smoothed)[2:] == ["Flatness without the labels' entropy"]


@pytest.mark.parametrize("kind", ("variance_flatness", "projected_variance"))
def test_legend_gives_each_slope_with_its_interval(kind, make):
    made = make(kind)
    fit = made.summary.iloc[0]
    label = f"{fit['range']}: {fit['slope']:.2f} [{fit['slope_low']:.2f}, {fit['slope_high']:.2f}]".replace("-", MINUS)
    assert label in [text for texts in legends(made.drawn()) for text in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_one_run_alone_has_no_panel_for_variants(kind, make):
    made = make(kind, runs={"keep0.8-lr0.1": RUNS["keep0.8-lr0.1"]})
    assert "Variants of the dropout" not in titles(made.drawn())


@pytest.mark.parametrize("kind", KINDS)
def test_points_that_are_all_undefined_leave_empty_axes(kind, make):
    made = make(kind, runs={"keep0.8-lr0.1": RUNS["keep0.8-lr0.1"]})
    numbers = made.summary.select_dtypes("float").columns.difference(["keep_prob", "learning_rate", "step"])
    summary = made.summary.assign(**dict.fromkeys(numbers, math.nan))
    assert made.drawn(points=made.points.assign(reason="nothing"), summary=summary).axes
