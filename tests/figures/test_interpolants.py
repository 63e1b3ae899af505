"""The figure that is drawn from theory alone, without experiments and data."""

import pytest

from dropscape.theory.tables.interpolants import table
from tests.figures.made import Made, check_page, footer, legends, titles


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("interpolants"), "interpolants", [], {"interpolants": [table(30, [10], 0.8)]})


@pytest.fixture(scope="module")
def figure(made):
    return made.drawn()


def test_summary_has_a_row_of_numbers_for_each_curve(made):
    summary = made.summary.set_index("curve")
    assert summary["intercepts"].tolist() == [3, 1, 3]
    assert summary["convexity_changes"].tolist() == [2, 0, 0]
    assert (summary["r1_ratio"].drop("minimal") > 1).all()
    facts = [made.description[key] for key in ("neurons", "keep_prob", "experiments")]
    assert facts == [30, 0.8, []]


def test_legends_give_r1_and_what_the_theorem_counts(made, figure):
    for words, row in zip(legends(figure), made.summary.itertuples(), strict=True):
        assert f"R\N{SUBSCRIPT ONE} = {row.r1:.3g}" in words[0]
        assert words[1] == f"convexity changes: {row.convexity_changes}, intercepts: {row.intercepts}"
    assert titles(figure) == list(made.summary["curve"])


def test_nothing_is_off_the_page_and_no_text_lies_on_another(figure):
    check_page(figure)
    words = footer(figure)
    assert "Scale quick" in words and "30 ReLU neurons" in words and "keep probability 0.8" in words
