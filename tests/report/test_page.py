"""What the report's page is made of, without a browser."""

import base64
import gzip
import io
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from PIL import Image

from dropscape.artifacts.files import write_json
from dropscape.jobs import Job, perform
from dropscape.report.made_by import made_by
from dropscape.report.page import stage
from dropscape.report.page.contents import Figure, tally_rows
from dropscape.report.page.embedding import fitting, packed, thumbnail
from dropscape.report.page.interactive import library, plot
from tests.report.conftest import FIGURES, PAPERS, SCATTER

ENDS_ALONE = {"meta", "link", "input", "img", "br"}


class Elements(HTMLParser):
    """The text inside of each element with an id, and every tag that was not closed."""

    def __init__(self, page: str):
        super().__init__()
        self.texts: dict[str, str] = {}
        self.open: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag not in ENDS_ALONE:
            self.open.append((tag, dict(attributes).get("id")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, name in self.open:
            if name:
                self.texts[name] = f"{self.texts.get(name, '')} {' '.join(data.split())}"


@pytest.fixture(scope="module")
def page(results):
    return (results / "report/report.html").read_text()


@pytest.fixture(scope="module")
def texts(page):
    elements = Elements(page)
    assert elements.open == []
    return {name: " ".join(text.split()) for name, text in elements.texts.items()}


def test_a_claim_says_whose_sentence_it_is_and_what_it_was_judged_on(texts):
    row = texts["claim-A-fig2"]
    for said in (
        "Paper A, Fig. 2(a)", "Interval flatness and variance are inversely related.",
        "“negative correlation”, section 6.1", "holds holds in 3 of 3 runs", "-0.912 [-0.95, -0.88] 3 seeds", "below 0",
        "Spearman's rank correlation", "random directions: 0.0123, not judged", "2,000 of 10,000 training images",
        "keep0.8 -0.912 [-0.95, -0.88] holds", "(shared masks) 0.5 [-0.95, -0.88] fails",
    ):  # fmt: skip
        assert said in row, said
    assert 'Σ ⪰ δ² H, where "a" < b & c.' in texts["claim-A-theorem"] and "an identity" in texts["claim-A-theorem"]
    assert "Each run" not in texts["claim-A-theorem"]


def test_a_card_has_its_title_claims_and_deviations(texts, page):
    card = texts["figure-noise_structure-fig2a"]
    assert "Paper A, Fig. 2(a) Cosines of L_S & more" in card
    assert "784-50-10 network on MNIST" in card and "holds Interval flatness" in card
    assert "Differs from the paper in 1 setting 2,000 of 10,000 training images" in card
    assert 'alt="Paper A, Fig. 2(a): Cosines of L_S &amp; more. Variance is shown against flatness."' in page


def test_papers_stand_in_the_order_of_their_letters(page):
    assert page.index('id="figure-noise_structure-fig2a"') < page.index('id="figure-modified_equations-fig3a"')
    assert page.index('id="claim-A-few"') < page.index('id="claim-C-cosine"')


def test_figures_stand_by_their_numbers_and_what_goes_beyond_the_paper_last():
    given = ["Beyond paper A", "Paper A, Fig. 10", "Paper A, Fig. 2(d)", "Paper A, Fig. 2(a)", "Paper A, appendix C"]
    figures = [Figure(str(number), {"paper_reference": reference}, {}) for number, reference in enumerate(given)]
    assert [figure.name for figure in sorted(figures, key=lambda figure: figure.place)] == ["3", "2", "1", "4", "0"]


def test_the_page_says_what_was_asked_for_and_what_computed_it(texts):
    run = texts["run"]
    assert "scale smoke" in run and "python 3." in run and "torch" in run and "seed" not in run


def test_the_papers_sentences_are_counted_apart_by_paper(claims):
    a, c, whole = tally_rows(claims, sorted(PAPERS, key=lambda paper: paper["letter"]))
    assert (a["letter"], c["letter"], whole["letter"]) == ("A", "C", "")
    assert a["theirs"] == {"holds": 1, "not judged": 1, "fails": 0} and a["ours"]["holds"] == 1
    assert whole["theirs"] == {"holds": 1, "not judged": 1, "fails": 1}


def test_every_file_is_in_the_page_as_it_was(results, page):
    held = dict(re.findall(r'data-file="([^"$]+)"[^>]*>([^<]+)<', page))
    for name in ("claims/claims.csv", "claims/by_run.csv", *(f"figures/{figure}.{ending}" for figure in FIGURES
                 for ending in ("csv", "summary.csv", "pdf", "svg"))):  # fmt: skip
        content = gzip.decompress(base64.b64decode(held.pop(name.partition("/")[2])))
        assert content == (results / name).read_bytes()
    assert set(held) == {"noise_structure-fig2a.json", "bokeh.min.js"}


def made(results, folder):
    """The page of the same results once more."""
    inputs = {name: str(results / f"claims/{name}.csv") for name in ("claims", "by_run")}
    inputs["figures"] = sorted(map(str, (results / "figures").glob("*-fig*")))
    settings = {"papers": PAPERS, "figures": FIGURES, "configuration": {"scale": "smoke", "source": "embedded"}}
    perform(stage.write_report, Job("report", "", settings, inputs, {"page": str(folder / "again.html")}))
    return (folder / "again.html").read_text()


def test_the_same_results_give_the_same_page(results, page, tmp_path):
    plot = r'data-file="noise_structure-fig2a.json"[^<]+'  # bokeh counts on within a process
    assert re.sub(plot, "", made(results, tmp_path)) == re.sub(plot, "", page)


def test_results_without_a_figure_and_a_claim_have_a_page(results, tmp_path):
    for name in ("claims", "by_run"):
        header = (results / f"claims/{name}.csv").read_text().splitlines()[0]
        (tmp_path / f"{name}.csv").write_text(f"{header}\n")
    inputs = {name: str(tmp_path / f"{name}.csv") for name in ("claims", "by_run")}
    settings = {"papers": PAPERS, "figures": {}, "configuration": {"scale": "smoke"}}
    perform(stage.write_report, Job("report", "", settings, inputs, {"page": str(tmp_path / "report.html")}))
    assert "No claim." in (tmp_path / "report.html").read_text()


def test_files_that_have_no_room_are_left_out_the_largest_first():
    files = {"a.csv": "x" * 50, "b.csv": "x" * 10, "c.svg": "x" * 40, "d.csv": "x" * 20}
    assert set(fitting(files, ["c.svg"], 75)) == {"c.svg", "b.csv", "d.csv"}
    assert set(fitting(files, ["c.svg"], 120)) == set(files)


def test_a_file_that_has_no_room_is_a_link_to_the_one_beside_the_page(results, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "_ROOM", 100)
    page = made(results, tmp_path)
    assert 'href="../figures/noise_structure-fig2a.pdf"' in page and 'href="../claims/claims.csv"' in page
    assert "data-file=" not in page.partition("<script>\n")[0] and "#points-" not in page


def test_packing_is_the_same_each_time_and_small():
    assert packed(b"a" * 10_000) == packed(b"a" * 10_000) and len(packed(b"a" * 10_000)) < 100


def test_a_thumbnail_is_a_small_picture_of_the_same_shape(results):
    data = thumbnail(results / "figures/noise_structure-fig2a.png").removeprefix("data:image/webp;base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (640, round(640 * 3 / 7))
    assert len(data) < 30_000


def test_a_plot_has_a_panel_for_each_estimate_and_no_point_with_a_reason():
    points = pd.DataFrame({"run": ["a", "b", "a", "a"], "seed": 0, "index": range(4), "flatness": [1.0, 2, 3, 4],
                           "variance": 1.234567890123, "estimate": ["in-sample"] * 2 + ["held_out"] * 2,
                           "reason": ["", "", "", "undefined"]})  # fmt: skip
    text = plot(points, SCATTER)
    assert "estimate: in-sample" in text and "estimate: held out" in text and "1.2346" in text
    assert '["index",[0]],["run"' not in text
    assert text.count('"GlyphRenderer"') == 3 and "4.0" not in text
    assert plot(points.assign(reason="undefined"), SCATTER) == ""
    assert plot(points.assign(drawn=False), SCATTER) == ""
    assert "</script" not in library()


def test_records_are_read_from_every_folder_and_differing_values_stand_side_by_side(tmp_path):
    for folder, version in {"a": "1.0", "b/c": "2.0"}.items():
        record = {"stage": "training", "parameters": {"torch": "no"}, "data": {"x": "no"}, "device": None}
        record |= {"versions": {"torch": version}, "checks": [1], "gpu": {"name": "H200"}}
        write_json(tmp_path / folder / "provenance.json", record)
    assert made_by(tmp_path) == {"torch": ["1.0", "2.0"], "name": ["H200"]}
