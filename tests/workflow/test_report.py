"""The report of a real run, and Snakemake's of it and of parts of it, as a reader opens them."""

import pytest

from tests.report import chromium

pytestmark = pytest.mark.skipif(
    chromium.EXECUTABLE is None, reason="no Chromium: apt-get install --no-install-recommends chromium"
)
START = "document.querySelector('#app .prose')?.innerText.includes('report.html')"
ITEMS = "[...document.querySelectorAll('nav li')]"

# React hears of a value that is set by its setter, and of the key that ends a line.
SEARCH = """(() => {
    const field = document.querySelector('input[placeholder="Search..."]');
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, 'WORD');
    field.dispatchEvent(new Event('input', {bubbles: true}));
    field.dispatchEvent(new KeyboardEvent('keypress', {bubbles: true, charCode: 13, keyCode: 13}));
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium.page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.mark.parametrize("experiments", [["mnist_fnn"], ["teacher_of_one", "cifar10_vgg9"], None], ids=str)
def test_every_page_of_the_menu_and_every_search_opens(browser, copy, experiments):
    chosen = {"experiments": experiments} if experiments else {}
    copy.succeeded(**chosen)
    done = copy.run("--report", "report.html", **chosen)
    assert done.returncode == 0, done.stdout
    browser.errors.clear()
    browser.open(copy.path("report.html").as_uri())
    browser.wait_for(START)
    menu = [entry for entry in browser.evaluate(f"{ITEMS}.map(item => item.innerText)") if entry.strip()]
    assert "Claims" in menu and any(entry.startswith("Paper ") for entry in menu)
    for entry in menu:
        browser.evaluate(f"{ITEMS}.find(item => item.innerText === {entry!r}).querySelector('a')?.click()")
        if entry == "Claims" or entry.startswith("Paper "):
            browser.wait_for("document.querySelector('nav table tbody tr')")
            for row in range(browser.evaluate("document.querySelectorAll('nav table tbody tr').length")):
                assert browser.evaluate(
                    f"document.querySelectorAll('nav table tbody tr')[{row}].innerText.trim() !== ''"
                )
        browser.evaluate("document.querySelector('nav nav a').click()")
        browser.wait_for(START)
    for word in ("fig", "fig2", "claims", "Paper A"):
        browser.evaluate(SEARCH.replace("WORD", word))
        browser.wait_for("document.querySelector('nav table') || document.querySelector('nav').innerText")
        assert browser.evaluate("document.querySelector('#app').innerText.trim() !== ''"), f"blank after {word}"
        browser.evaluate("document.querySelector('nav nav a').click()")
        browser.wait_for(START)
    assert browser.errors == []


def test_the_page_of_a_real_run_is_small_and_draws_every_figure(browser, smoke):
    page = smoke.path("results/smoke/report/report.html")
    drawn = len(list(smoke.path("results/smoke/figures").glob("*.svg")))
    assert drawn > 30 and page.stat().st_size < 15_000_000
    browser.errors.clear()
    browser.open(page.as_uri())
    browser.wait_for(f"document.querySelector('#count')?.textContent.startsWith('{drawn} of {drawn} figures')")
    broken = """(async () => {
        const broken = [];
        for (const {dataset: {name}} of document.querySelectorAll('.card')) {
            const drawing = new Image();
            drawing.src = URL.createObjectURL(await unpacked(`${name}.svg`));
            await drawing.decode().catch(() => broken.push(name));
            if (drawing.naturalWidth < 500) broken.push(name);
            URL.revokeObjectURL(drawing.src);
        }
        return broken;
    })()"""
    assert browser.evaluate(broken) == []
    assert browser.evaluate("document.querySelectorAll('.save[href]').length") == 0, "a file had no room"
    assert browser.errors == []
