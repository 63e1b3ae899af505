from html.parser import HTMLParser

import pytest

from dropscape.report.first_page import first_page
from dropscape.report.verdicts import read_claims
from tests.report.conftest import PAPERS

FIGURES = {
    "noise_structure-fig2a": {"paper_reference": "Paper A, Fig. 2(a)", "path": 'results/it\'s "quoted"/fig2a.png'},
    "modified_equations-fig3a": {"paper_reference": "Paper C, Fig. 3(a)", "path": "results/fig3a.png"},
}


class Cells(HTMLParser):
    """The text of each row's cells by the row's id, and the click of each link."""

    def __init__(self, page: str):
        super().__init__()
        self.rows: dict[str, list[str]] = {}
        self.clicks: dict[str, str] = {}
        self.open: list[str] = []
        self._row = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag != "br":
            self.open.append(tag)
        if tag == "tr":
            self._row = attributes.get("id")
            self.rows[self._row] = []
        if tag == "td":
            self.rows[self._row].append("")
        if tag == "a":
            self.clicks[self._row] = attributes["onclick"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.rows[self._row][-1] += f" {data.strip()}"


@pytest.fixture
def page(claims, tmp_path) -> str:
    claims.to_csv(tmp_path / "claims.csv", index=False)
    return first_page(read_claims(tmp_path / "claims.csv"), PAPERS, FIGURES)


def test_rows_show_statement_papers_number_ours_expected_verdict_and_figure(page):
    cells = Cells(page)
    assert cells.open == []
    texts = {row: [text.strip() for text in row_cells] for row, row_cells in cells.rows.items()}
    assert texts["claim-A-fig2"] == [
        "Interval flatness and variance are inversely related. Spearman's rank correlation",
        "“negative correlation”, section 6.1",
        "-0.912 [-0.95, -0.88] 3 seeds",
        "below 0",
        "holds holds in 3 of 3 runs",
        "random directions: 0.0123, not judged",
        "2,000 of 10,000 training images",
        "Fig. 2(a)",
    ]
    assert texts["claim-A-theorem"][0].startswith('Σ ⪰ δ² H, where "a" < b & c.')
    assert texts["claim-A-theorem"][1:5] == ["an identity", "7.8e-12 3 seeds", "below 0", "holds"]
    assert texts["claim-A-theorem"][5:] == ["none: algebra guarantees it", "2,000 of 10,000 training images", ""]
    assert texts["claim-A-few"][2:5] == ["undefined 3 seeds", "below 0", "not judged too few points: 12"]
    assert "Paper A" in page and page.index("Paper A:") < page.index("claim-A-few") < page.index("Paper C:")
    assert "Of the papers&#39; sentences 1 holds, 1 fails, 1 is not judged; of our own and identities 1 holds" in page


def test_links_only_where_the_report_has_the_figure_and_whatever_its_path(page):
    clicks = Cells(page).clicks
    assert set(clicks) == {"claim-A-fig2", "claim-C-cosine"}
    assert r'results["results/it' in clicks["claim-A-fig2"] and r"\"quoted\"" in clicks["claim-A-fig2"]


def test_a_scale_stands_alone_only_where_no_claim_differs_from_the_paper(claims):
    assert "<b>smoke</b>, not the papers&#39; settings in 4 of 4 claims." in first_page(claims, PAPERS, {})
    as_published = first_page(claims.assign(scale="paper", deviations=""), PAPERS, {})
    assert "<b>paper</b>." in as_published and as_published.count("in nothing") == 4


def test_the_page_is_one_block_of_raw_html(page):
    """Docutils takes it verbatim, and Snakemake writes it into a script."""
    assert "</script" not in page
    assert "\n\n" not in page
