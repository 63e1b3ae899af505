"""The report as a reader opens it: a file, no network, in a real browser."""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.report import chromium

pytestmark = pytest.mark.skipif(
    chromium.EXECUTABLE is None, reason="no Chromium: apt-get install --no-install-recommends chromium"
)
FIGURE = "noise_structure-fig2a"
SHOWN = "[...document.querySelectorAll('.{}')].filter(each => each.checkVisibility()).map(each => each.dataset.name)"
COUNT = "document.querySelector('#count').textContent"
DRAWING = "document.querySelector('#stage img')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium.page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser, results):
    """The report, freshly opened on a laptop by day; nothing in its console may be an error at the end."""
    browser.errors.clear()
    browser.window(1366, 768)
    browser.prefer("light")
    browser.open("about:blank")  # a fragment alone would load nothing
    browser.wait_for("location.href === 'about:blank'")
    browser.open((results / "report/report.html").as_uri())
    browser.wait_for("document.querySelector('#count')?.textContent")
    yield browser
    assert browser.errors == []


def shown(page, what):
    return page.evaluate(SHOWN.format(what))


def choose(page, **filters):
    for name, value in filters.items():
        page.evaluate(f"document.querySelector('input[name={name}][value={json.dumps(value)}]').click()")


def search(page, words):
    page.evaluate(
        "{ const field = document.querySelector('input[name=words]');"
        f" field.value = {json.dumps(words)}; field.dispatchEvent(new Event('input', {{bubbles: true}})) }}"
    )


def test_every_figure_and_every_claim_is_shown_first(page, claims):
    assert shown(page, "card") == [FIGURE, "modified_equations-fig3a"]
    assert sorted(shown(page, "claim")) == sorted(claims["claim"])
    assert page.evaluate(COUNT) == "2 of 2 figures, 4 of 4 claims"
    pictures = "[...document.querySelectorAll('.card img')].map(each => each.naturalWidth)"
    page.wait_for(f"{pictures}.every(Boolean)")
    assert page.evaluate(pictures) == [640, 640]


def test_filters_show_what_fits_all_of_them(page):
    choose(page, paper="noise_structure")
    assert shown(page, "card") == [FIGURE] and shown(page, "claim") == ["A-fig2", "A-theorem", "A-few"]
    choose(page, verdict="holds")
    assert shown(page, "claim") == ["A-fig2", "A-theorem"]
    choose(page, origin="identity")
    assert shown(page, "claim") == ["A-theorem"] and shown(page, "card") == []
    assert page.evaluate("document.querySelector('#figures .nothing').checkVisibility()")
    choose(page, origin="paper")
    assert shown(page, "claim") == ["A-fig2", "A-theorem"] and shown(page, "card") == [FIGURE]
    page.evaluate("document.querySelector('button[type=reset]').click()")
    page.wait_for(f"{COUNT} === '2 of 2 figures, 4 of 4 claims'")


def test_words_are_looked_for_in_statements_and_figures(page):
    search(page, "exceeds COSINE")
    assert shown(page, "claim") == ["C-cosine"] and shown(page, "card") == ["modified_equations-fig3a"]
    search(page, "inversely mnist")  # a word of the claim and one of its figure
    assert shown(page, "card") == [FIGURE]
    search(page, "nowhere")
    assert page.evaluate(COUNT) == "0 of 2 figures, 0 of 4 claims"


@pytest.mark.parametrize(
    ("order", "first_claim", "first_figure"),
    [("rank", "C-cosine", "modified_equations-fig3a"), ("-rank", "A-fig2", FIGURE), ("name", "A-few", "modified")],
)
def test_sorting_moves_figures_and_claims(page, order, first_claim, first_figure):
    page.evaluate(
        "{ const select = document.querySelector('select[name=sort]');"
        f" select.value = '{order}'; select.dispatchEvent(new Event('input', {{bubbles: true}})) }}"
    )
    assert shown(page, "claim")[0] == first_claim and shown(page, "card")[0].startswith(first_figure)
    page.evaluate("document.querySelector('button[type=reset]').click()")
    page.wait_for(f"{SHOWN.format('claim')}[0] === 'A-fig2'")


def test_a_number_of_the_tally_shows_its_sentences(page):
    page.evaluate("document.querySelector('[data-show][data-paper=\"\"][data-verdict=fails]').click()")
    page.wait_for(f"{COUNT} === '1 of 2 figures, 1 of 4 claims'")
    assert shown(page, "claim") == ["C-cosine"]
    assert page.evaluate("[...document.querySelectorAll('input:checked')].map(each => each.value)") == [
        "fails",
        "paper",
    ]


def test_links_lead_from_a_figure_to_its_claim_and_back_also_past_filters(page):
    in_view = "document.querySelector('#{}').getBoundingClientRect().top"
    page.evaluate(f"document.querySelector('#figure-{FIGURE} a[href=\"#claim-A-fig2\"]').click()")
    page.wait_for("document.activeElement.closest('#claim-A-fig2')")
    assert 0 <= page.evaluate(in_view.format("claim-A-fig2")) < 768
    choose(page, paper="modified_equations")
    page.evaluate(f"document.querySelector('#claim-A-fig2 a[href=\"#figure-{FIGURE}\"]').click()")
    page.wait_for(f"document.activeElement.closest('#figure-{FIGURE}')")
    assert 0 <= page.evaluate(in_view.format(f"figure-{FIGURE}")) < 768
    assert shown(page, "card") == [FIGURE, "modified_equations-fig3a"]
    assert page.evaluate("document.querySelector('#claim-A-theorem a[href^=\"#figure\"]') === null")


def test_the_keyboard_opens_zooms_and_closes_a_figure(page):
    page.evaluate(f"document.querySelector('#figure-{FIGURE} .picture').focus()")
    page.press("Enter")
    page.wait_for(f"{DRAWING}?.naturalWidth > 0")
    width = page.evaluate(f"{DRAWING}.getBoundingClientRect().width")
    assert 300 < width <= page.evaluate("document.querySelector('#stage').clientWidth")
    assert page.evaluate(f"{DRAWING}.alt") == page.evaluate(f"document.querySelector('#figure-{FIGURE} img').alt")
    page.press("+")
    assert page.evaluate(f"{DRAWING}.getBoundingClientRect().width") == pytest.approx(1.5 * width, rel=0.01)
    assert page.evaluate("document.querySelector('#stage').scrollWidth > document.querySelector('#stage').clientWidth")
    page.press("0")
    assert page.evaluate(f"{DRAWING}.getBoundingClientRect().width") == pytest.approx(width, rel=0.01)
    page.press("Escape")
    page.wait_for("!document.querySelector('#viewer').open")
    page.wait_for(f"document.activeElement.closest('#figure-{FIGURE}')")
    page.wait_for("location.hash === ''")


def test_the_viewer_goes_on_to_the_next_figure_and_to_a_claim(page):
    page.evaluate(f"location.hash = '#view-{FIGURE}'")
    page.wait_for("document.querySelector('#viewer').open")
    page.evaluate("document.querySelector('#next').click()")
    page.wait_for("document.querySelector('#viewer-title').textContent.startsWith('Paper C, Fig. 3(a)')")
    page.evaluate("document.querySelector('#beside a[href=\"#claim-C-cosine\"]').click()")
    page.wait_for("!document.querySelector('#viewer').open && document.activeElement.closest('#claim-C-cosine')")


def test_the_points_say_which_direction_run_and_seed_they_are(page):
    page.evaluate(f"document.querySelector('#figure-{FIGURE} .points').click()")
    page.wait_for("window.Bokeh?.index.roots?.length ?? Object.keys(window.Bokeh?.index ?? {}).length")
    place = """(() => {
        const view = [...Bokeh.index][0].child_views[0];
        const glyph = view.model.renderers[0].data_source.data;
        const frame = view.canvas_view.el.getBoundingClientRect();
        return {x: frame.left + view.frame.x_scale.compute(glyph.flatness[7]),
                y: frame.top + view.frame.y_scale.compute(glyph.variance[7]), direction: glyph.index[7]};
    })()"""
    page.wait_for(f"(() => {{ try {{ return {place}.x > 0 }} catch {{ return false }} }})()")
    told = """(function labels(root) {
        const rows = [...root.querySelectorAll('.bk-tooltip-row-label, .bk-tooltip-row-value')];
        return [...root.querySelectorAll('*')].flatMap(each => each.shadowRoot ? labels(each.shadowRoot) : [])
            .concat(rows.map(each => each.textContent));
    })(document)"""
    for _ in range(100):  # until the plot has its place and hears the pointer
        at = page.evaluate(place)
        page.point(at["x"] - 20, at["y"])
        page.point(at["x"], at["y"])
        page.evaluate("new Promise(resolve => setTimeout(resolve, 100))")
        if said := page.evaluate(told):
            break
    labels = {label.strip(" :"): value.strip() for label, value in zip(said[::2], said[1::2], strict=True)}
    assert {"run": "keep0.8", "seed": "1", "direction": str(at["direction"])}.items() <= labels.items()
    page.evaluate("document.querySelector('#points').click()")
    page.wait_for(f"{DRAWING}?.naturalWidth > 0")


@pytest.mark.parametrize(
    "name", ["claims.csv", "by_run.csv", *(f"{FIGURE}.{ending}" for ending in ("csv", "summary.csv", "pdf", "svg"))]
)
def test_a_saved_file_is_the_file(page, results, tmp_path, name):
    page.save_into(tmp_path)
    page.evaluate(f"document.querySelector('[data-save=\"{name}\"]').click()")
    wait_for_file(page, tmp_path / name)
    folder = "claims" if name in ("claims.csv", "by_run.csv") else "figures"
    assert (tmp_path / name).read_bytes() == (results / folder / name).read_bytes()


def test_a_figure_is_saved_as_png(page, tmp_path):
    page.save_into(tmp_path)
    page.evaluate(f"document.querySelector('[data-save-png=\"{FIGURE}.svg\"]').click()")
    wait_for_file(page, tmp_path / f"{FIGURE}.png")
    from PIL import Image

    with Image.open(tmp_path / f"{FIGURE}.png") as image:
        assert image.size == (1400, 600)  # 7 x 3 inches of 200 dots


def wait_for_file(page, path: Path):
    for _ in range(200):
        if path.is_file() and path.stat().st_size:
            return
        page.evaluate("new Promise(resolve => setTimeout(resolve, 50))")
    raise AssertionError(f"{path.name} was not saved; there are {list(path.parent.iterdir())}")


def test_a_browser_that_cannot_unpack_is_told_so(page, results):
    told = "document.querySelector('#cannot-unpack').checkVisibility()"
    assert not page.evaluate(told)
    source = (results / "report/report.html").read_text().replace('"DecompressionStream" in window', "false")
    older = results / "report/older.html"
    older.write_text(source)
    page.open(older.as_uri())
    page.wait_for("location.href.endsWith('older.html') && document.querySelector('#count')?.textContent")
    assert page.evaluate(told)
    page.evaluate(f"location.hash = '#view-{FIGURE}'")
    page.wait_for(f"{DRAWING}?.naturalWidth === 640")  # the small picture


def test_day_and_night_follow_the_system_and_the_switch(page):
    colour = "getComputedStyle(document.body).backgroundColor"
    day = page.evaluate(colour)
    page.prefer("dark")
    page.wait_for(f"{colour} !== '{day}'")
    night = page.evaluate(colour)
    page.wait_for("document.querySelector('#theme').textContent === 'Light'")
    page.evaluate("document.querySelector('#theme').click()")
    assert page.evaluate(colour) == day
    page.prefer("light")
    page.evaluate("document.querySelector('#theme').click()")
    assert page.evaluate(colour) == night
    page.evaluate("try { localStorage.clear() } catch {}")


def test_paper_has_the_numbers_figures_and_claims_and_no_button(page):
    page.prefer("dark", media="print")
    shows = "(document.querySelector('{}').checkVisibility())"
    for part in (".tally button", f"#figure-{FIGURE} img", "#claim-A-fig2 .verdict"):
        assert page.evaluate(shows.format(part)), part
    for part in ("#filters", "#theme", ".save"):
        assert not page.evaluate(shows.format(part)), part
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert max(map(int, ink.removeprefix("rgb(").removesuffix(")").split(","))) < 64  # dark on white, at night too


@pytest.mark.parametrize("width", [390, 768, 1366])
def test_nothing_is_wider_than_the_window(page, width):
    page.window(width, 800, phone=width < 500)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(f"location.hash = '#view-{FIGURE}'")
    page.wait_for(f"{DRAWING}?.naturalWidth > 0")
    box = page.evaluate("document.querySelector('#close').getBoundingClientRect().right")
    assert box <= width and page.evaluate("document.querySelector('#viewer').scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("address", ["", f"#view-{FIGURE}"], ids=["page", "viewer"])
def test_no_rule_of_accessibility_is_broken(page, theme, address):
    found = importlib.util.find_spec("axe_core_python")
    assert found, "axe-core-python is not installed: make test installs it"
    page.prefer(theme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.evaluate(f"location.hash = '{address}'")
    page.wait_for(f"{DRAWING}?.naturalWidth > 0" if address else "true")
    page.evaluate(Path(found.submodule_search_locations[0], "axe.min.js").read_text(encoding="utf-8") + "; 0")
    violations = page.evaluate("axe.run().then(({violations}) => violations.map(({id, nodes}) => [id, nodes[0].html]))")
    assert violations == []


def test_an_error_in_the_page_would_be_seen(browser, results):
    browser.errors.clear()
    browser.open((results / "report/report.html").as_uri())
    browser.wait_for("document.querySelector('#count')?.textContent")
    browser.evaluate("console.error('wrong')")
    browser.evaluate("setTimeout(() => { throw new Error('thrown') }, 0)")
    browser.evaluate("fetch('https://example.org').catch(() => null)")
    browser.evaluate("new Promise(resolve => setTimeout(resolve, 200))")
    seen = " ".join(browser.errors)
    assert "wrong" in seen and "thrown" in seen and "https://example.org" in seen
