"""The documentation: its Python runs, its notebooks run, and its site is built and asks nothing of a network."""

import fnmatch
import os
import re
import subprocess
import sys
from importlib import import_module, util
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pandas as pd
import pytest
import yaml

from dropscape.public import NAMES
from dropscape.theory import tables
from tests.report import chromium

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# tests/test_adding.py follows these to the letter.
FOLLOWED = {"adding-a-kind.md", "adding-an-experiment.md"}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


WITH_PYTHON = [page for page in PAGES if page.name not in FOLLOWED and blocks(page, "python")]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def run(command, folder, **more):
    """What a command prints in an empty folder, where it must succeed."""
    environment = os.environ | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"} | more
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


def test_the_five_lines_and_the_notebooks_are_among_what_runs():
    assert "own-model.md" in {page.name for page in WITH_PYTHON}
    assert [path.stem for path in NOTEBOOKS] == ["fig2d", "own_cnn", "transformer_block"]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path):
    run([sys.executable, "-c", "\n".join(blocks(page, "python"))], tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    assert run([sys.executable, str(path)], tmp_path)


def test_the_command_of_the_page_on_models_runs(tmp_path):
    (command,) = [block for block in blocks(ROOT / "docs/own-model.md", "sh") if block.startswith("dropscape ")]
    (tmp_path / "my_models.py").write_text(
        "from collections import OrderedDict\nfrom torch import nn\n"
        "def build(): return nn.Sequential(OrderedDict(fc=nn.Linear(3, 4), end=nn.Linear(4, 2)))\n"
    )
    np.savez(tmp_path / "my_data.npz", inputs=np.ones((4, 3), np.float32), targets=np.array([0, 1, 1, 0]))
    run([sys.executable, "-m", "dropscape", *command.split()[1:]], tmp_path)
    assert len((tmp_path / "eigenvalues.csv").read_text().splitlines()) == 6


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed: make test installs it")
    folder = tmp_path_factory.mktemp("site")
    run([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)], ROOT, NO_MKDOCS_2_WARNING="1")
    return folder


def test_no_page_of_the_site_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|link|iframe)\s[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^>\s]*)", text)
        assert not loaded, page.name


@pytest.mark.skipif(chromium.EXECUTABLE is None, reason="no Chromium: apt-get install --no-install-recommends chromium")
def test_the_search_works_from_a_file_and_asks_nothing_of_a_network(site, tmp_path):
    with chromium.page(tmp_path) as page:
        page.open((site / "index.html").as_uri())
        page.wait_for("window.IFrameWorker && document.querySelector('.md-search__input')")
        page.evaluate("document.querySelector('.md-search__input').focus()")
        page.evaluate(
            "{ const field = document.querySelector('.md-search__input'); field.value = 'interval flatness';"
            " field.dispatchEvent(new KeyboardEvent('keyup', { key: 's', bubbles: true })) }"
        )
        page.wait_for("document.querySelector('.md-search-result__item a[href*=\"api.html\"]')")
        assert page.errors == []


def test_every_public_name_is_in_the_api_reference(site):
    text = (site / "api.html").read_text(encoding="utf-8")
    for name, module in NAMES.items():
        assert f'id="dropscape.{module}.{name}"' in text


COLUMNS = yaml.safe_load((ROOT / "docs/columns.yaml").read_text(encoding="utf-8"))


def described(path):
    """The columns that the dictionary has for a table; None where it has no such table."""
    if path.startswith("theory/"):
        units = COLUMNS["theory"].get(Path(path).stem)
        return units and {one for names in units.values() for one in names}
    for name, table in COLUMNS["tables"].items():
        if fnmatch.fnmatch(path, re.sub("[A-Z]{2,}", "*", name)):
            return {one for names in table["columns"] for one in names.split(", ")}
    return None


def test_every_column_that_a_run_writes_is_in_the_dictionary(smoke):
    results = smoke.root / "results/smoke"
    others = ("figures/", "benchmarks/", "logs/", "report/")
    paths = [str(path.relative_to(results)) for path in results.rglob("*.csv")]
    paths = [path for path in paths if not path.startswith(others)]
    assert len(paths) > 50
    for path in paths:
        known = described(path)
        assert known is not None, f"docs/columns.yaml has no {path}"
        missing = [
            column
            for column in pd.read_csv(results / path, nrows=0).columns
            if not any(fnmatch.fnmatch(column, pattern) for pattern in known)
        ]
        assert not missing, f"docs/columns.yaml, {path}: {missing}"


def test_every_column_of_theory_has_one_unit_and_a_meaning_in_the_docstring_of_its_table():
    assert set(COLUMNS["theory"]) == {module.name for module in iter_modules(tables.__path__)}
    for name, units in COLUMNS["theory"].items():
        columns = [column for names in units.values() for column in names]
        assert len(columns) == len(set(columns)), name
        said = import_module(f"dropscape.theory.tables.{name}").table.__doc__
        unsaid = [column for column in columns if not re.search(rf"\b{column}\b", said)]
        assert not unsaid, f"{name}: {unsaid}"


def test_no_column_of_the_dictionary_is_unknown_to_the_code():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    words = set(re.findall(r"[a-z]\w*", code))
    assert all(len(of) == 2 for of in COLUMNS["shared"].values())
    for name, table in COLUMNS["tables"].items():
        for names, of in table["columns"].items():
            assert names in COLUMNS["shared"] if of == "shared" else len(of) == 2, f"{name}: {names}"
            for column in names.removesuffix("_*").split(", "):  # the code joins some of parts
                assert column in words or set(column.split("_")) <= words, f"{name}: {column}"
