"""The drawings of every kind: reproducible, complete and with nothing off the page."""

import math
from pathlib import Path

import matplotlib.image
import pytest

from dropscape.artifacts.files import read_json, read_table
from dropscape.figures import style
from dropscape.figures.draw import alignment_cosine, alignment_trace, projected_variance, variance_flatness
from dropscape.figures.draw.stage import draw_run
from tests.figures.conftest import KINDS, RUNS

MINUS = "\N{MINUS SIGN}"
DRAW = {
    "variance_flatness": variance_flatness.draw,
    "projected_variance": projected_variance.draw,
    "alignment_trace": alignment_trace.draw,
    "alignment_cosine": alignment_cosine.draw,
}


def drawn(kind, paths):
    with style.applied():
        figure = DRAW[kind](read_table(paths["points"]), read_table(paths["summary"]), read_json(paths["description"]))
        figure.canvas.draw()
    return figure


@pytest.mark.parametrize("kind", ("projected_variance", "alignment_cosine"))
def test_drawing_twice_gives_the_same_bytes_with_embedded_fonts(kind, make, tmp_path):
    paths = make(kind, draw=True)
    again = {"pdf": str(tmp_path / "again.pdf"), "png": str(tmp_path / "again.png")}
    draw_run(paths["points"], paths["summary"], paths["description"], again)
    for ending in ("pdf", "png"):
        assert Path(paths[ending]).read_bytes() == Path(again[ending]).read_bytes()
    pdf = Path(paths["pdf"]).read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"/CreationDate" not in pdf
    assert matplotlib.image.imread(paths["png"]).shape[1] == 200 * style.PAGE_WIDTH


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_off_the_page_and_no_text_lies_on_the_footer(kind, make):
    figure = drawn(kind, make(kind))
    for shown in (*figure.texts, *figure.axes):
        box = shown.get_tightbbox() if shown in figure.axes else shown.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, shown
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, shown
    title, footer = (text.get_window_extent() for text in figure.texts)
    legends = [axes.get_legend().get_window_extent() for axes in figure.axes if axes.get_legend()]
    assert legends
    for position, legend in enumerate(legends):
        assert not legend.overlaps(footer) and not legend.overlaps(title)
        assert not any(legend.overlaps(axes.bbox) for axes in figure.axes)
        assert not any(legend.overlaps(other) for other in legends[position + 1 :])


@pytest.mark.parametrize("kind", KINDS)
def test_footer_names_data_sizes_and_every_reason(kind, make):
    paths = make(kind)
    footer = " ".join(drawn(kind, paths).texts[1].get_text().split())
    for words in ("MNIST, 4,000 + 1,000 real digits", "Scale quick", "n = 4,000", "N = 800", "2 seeds (0, 1)"):
        assert words in footer
    for entry in read_json(paths["description"])["undefined"]:
        for reason, count in entry["reasons"].items():
            assert f"{count:,} \N{MULTIPLICATION SIGN} {reason.rstrip('.')}" in footer


@pytest.mark.parametrize("kind", ("variance_flatness", "projected_variance"))
def test_legend_gives_each_slope_with_its_interval(kind, make):
    paths = make(kind)
    figure = drawn(kind, paths)
    fit = read_table(paths["summary"]).iloc[0]
    label = f"{fit['range']}: {fit['slope']:.2f} [{fit['slope_low']:.2f}, {fit['slope_high']:.2f}]".replace("-", MINUS)
    assert label in [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("kind", KINDS)
def test_one_run_alone_has_no_panel_for_variants(kind, make):
    figure = drawn(kind, make(kind, runs={"keep0.8-lr0.1": RUNS["keep0.8-lr0.1"]}))
    assert "Variants of the dropout" not in [axes.get_title("left") for axes in figure.axes]


@pytest.mark.parametrize("kind", KINDS)
def test_points_that_are_all_undefined_leave_empty_axes(kind, make):
    paths = make(kind, runs={"keep0.8-lr0.1": RUNS["keep0.8-lr0.1"]})
    points, summary = read_table(paths["points"]), read_table(paths["summary"])
    numbers = summary.select_dtypes("float").columns.difference(["keep_prob", "learning_rate", "step"])
    with style.applied():
        figure = DRAW[kind](
            points.assign(reason="nothing"),
            summary.assign(**dict.fromkeys(numbers, math.nan)),
            read_json(paths["description"]),
        )
        figure.canvas.draw()
    assert figure.axes
