"""The report as a reader opens it: a file, no network."""

import pytest

from tests.report import chromium

pytestmark = pytest.mark.skipif(
    chromium.EXECUTABLE is None, reason="no Chromium: apt-get install --no-install-recommends chromium"
)
SHOWN = "document.querySelector('#app img[src^=\"data:image/png\"]')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium.page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser, report_file):
    """The report, freshly opened."""
    browser.errors.clear()
    browser.open(report_file.as_uri())
    browser.wait_for("document.querySelector('#claims table')")
    return browser


def test_the_first_page_shows_every_claim(page, claims):
    text = page.evaluate("document.querySelector('#claims').innerText")
    for claim in claims.to_dict("records"):
        assert claim["statement"] in text
        assert claim["verdict"] in text
    assert page.evaluate("document.querySelectorAll('#claims tr[id]').length") == len(claims)
    # Neither beside nor above what can be scrolled to.
    box = page.evaluate("JSON.parse(JSON.stringify(document.querySelector('#claims').getBoundingClientRect()))")
    window = page.evaluate("innerWidth")
    assert box["top"] >= 0 and box["right"] <= window and box["width"] > window / 2
    assert page.errors == []


def test_a_claim_leads_to_its_figure_and_back(page, claims):
    claim = claims.iloc[0]
    link = f"document.querySelector('#claim-{claim['claim']} a')"
    assert page.evaluate(f"{link}.innerText") == "Fig. 2(a)"
    page.evaluate(f"{link}.click()")
    page.wait_for(f"{SHOWN}?.complete && {SHOWN}.naturalWidth > 0")
    assert page.evaluate(f"{SHOWN}.getBoundingClientRect().width") > 0
    assert page.evaluate(f"document.querySelector('nav').innerText.includes('{claim['figure']}.png')")
    assert page.evaluate("document.querySelector('nav .prose').innerText.trim() !== ''")  # its caption
    page.evaluate("document.querySelector('nav nav a').click()")  # the house
    page.wait_for("document.querySelector('#claims table')")
    assert page.evaluate(f"{SHOWN} === null")
    assert page.errors == []


def test_every_linked_figure_and_every_page_of_the_menu_open(page):
    for number in range(page.evaluate("document.querySelectorAll('#claims a').length")):
        page.evaluate(f"document.querySelectorAll('#claims a')[{number}].click()")
        page.wait_for(f"{SHOWN}?.complete && {SHOWN}.naturalWidth > 0")
        page.evaluate("document.querySelector('nav nav a').click()")
        page.wait_for("document.querySelector('#claims table')")
    menu = page.evaluate("[...document.querySelectorAll('nav li')].map(item => item.innerText)")
    assert {"Workflow", "Statistics", "Claims", "Paper A, noise structure"} <= set(menu)
    for entry in filter(str.strip, menu):
        item = f"[...document.querySelectorAll('nav li')].find(item => item.innerText === {entry!r})"
        page.evaluate(f"{item}.querySelector('a')?.click()")
        page.evaluate("document.querySelector('nav nav a').click()")
        page.wait_for("document.querySelector('#claims table')")
    assert page.errors == []


def test_an_error_in_the_page_would_be_seen(page):
    page.evaluate("console.error('wrong')")
    page.evaluate("setTimeout(() => { throw new Error('thrown') }, 0)")
    page.evaluate("fetch('https://example.org').catch(() => null)")
    page.evaluate("new Promise(resolve => setTimeout(resolve, 200))")
    seen = " ".join(page.errors)
    assert "wrong" in seen and "thrown" in seen and "https://example.org" in seen
