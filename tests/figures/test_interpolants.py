"""The figure that is drawn from theory alone, without experiments and data."""

import pytest

from dropscape.artifacts.files import read_json, read_table, write_table
from dropscape.figures import style
from dropscape.figures.draw.interpolants import draw
from dropscape.figures.draw.stage import draw_run
from dropscape.figures.tables.stage import table_run
from dropscape.theory.tables.interpolants import table
from tests.figures.conftest import OUTPUTS


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interpolants")
    write_table(folder / "interpolants.csv", table(30, 0.8))
    paths = {name: str(folder / file) for name, file in OUTPUTS.items()}
    settings = {"kind": "interpolants", "place": "Paper B, Fig. 11", "scale": "quick", "experiments": []}
    table_run(settings, [], {"interpolants": [str(folder / "interpolants.csv")]}, paths)
    draw_run(paths["points"], paths["summary"], paths["description"], paths)
    return paths


@pytest.fixture(scope="module")
def figure(paths):
    with style.applied():
        figure = draw(read_table(paths["points"]), read_table(paths["summary"]), read_json(paths["description"]))
        figure.canvas.draw()
    return figure


def test_summary_has_a_row_of_numbers_for_each_curve(paths):
    summary = read_table(paths["summary"]).set_index("curve")
    assert summary["intercepts"].tolist() == [3, 1, 3]
    assert summary["convexity_changes"].tolist() == [2, 0, 0]
    assert (summary["r1_ratio"].drop("minimal") > 1).all()
    description = read_json(paths["description"])
    assert (description["neurons"], description["keep_prob"], description["experiments"]) == (30, 0.8, [])


def test_legends_give_r1_and_what_the_theorem_counts(paths, figure):
    summary = read_table(paths["summary"])
    for axes, row in zip(figure.axes, summary.itertuples(), strict=True):
        words = [text.get_text() for text in axes.get_legend().get_texts()]
        assert f"R\N{SUBSCRIPT ONE} = {row.r1:.3g}" in words[0]
        assert words[1] == f"convexity changes: {row.convexity_changes}, intercepts: {row.intercepts}"
        assert axes.get_title("left") == row.curve


def test_nothing_is_off_the_page_and_no_text_lies_on_another(figure):
    title, footer = (text.get_window_extent() for text in figure.texts)
    for axes in figure.axes:
        box, legend = axes.get_tightbbox(), axes.get_legend().get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert not legend.overlaps(footer) and not legend.overlaps(title)
        assert not any(legend.overlaps(other.bbox) for other in figure.axes)
        others = [other.get_legend().get_window_extent() for other in figure.axes if other is not axes]
        assert not any(legend.overlaps(other) for other in others)
    words = figure.texts[1].get_text()
    assert "Scale quick" in words and "30 ReLU neurons" in words and "keep probability 0.8" in words
