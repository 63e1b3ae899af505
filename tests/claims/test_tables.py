"""The workflow's lists of paths find their runs."""

import pandas as pd
import pytest

from dropscape.artifacts.files import write_table
from dropscape.claims import tables as module
from dropscape.claims.tables import tables_of

RUNS = [
    {"experiment": "a", "name": "one", "main": True, "plain": False, "kinds": ["alignment", "interval"]},
    {"experiment": "a", "name": "two", "main": False, "plain": False, "kinds": ["interval"]},
    {"experiment": "b", "name": "one", "main": True, "plain": False, "kinds": ["alignment"]},
]
THEORY = [["study", "one"], ["study", "two"]]


@pytest.fixture
def files(tmp_path):
    """Every table holds its own name."""
    names = {"alignment": ["a-one", "b-one"], "interval": ["a-one", "a-two"], "theory": ["study-one", "study-two"]}
    for kind, stems in names.items():
        for stem in stems:
            write_table(tmp_path / f"{kind}-{stem}.csv", pd.DataFrame({"name": [f"{kind}-{stem}"]}))
    return {kind: [str(tmp_path / f"{kind}-{stem}.csv") for stem in stems] for kind, stems in names.items()}


def test_each_run_gets_its_own_tables(files):
    found = tables_of(RUNS, files, THEORY)
    one, two = found.runs_of("a")
    assert [(run.name, run.main) for run in (one, two)] == [("one", True), ("two", False)]
    (other,) = found.runs_of("b")
    for kind, run, name in (
        ("alignment", one, "alignment-a-one"),
        ("interval", one, "interval-a-one"),
        ("interval", two, "interval-a-two"),
        ("alignment", other, "alignment-b-one"),
    ):
        assert found.of_run(kind, run)["name"].tolist() == [name]
    for study, table in THEORY:
        assert found.of_theory(study, table)["name"].tolist() == [f"theory-{study}-{table}"]


def test_a_table_is_read_once(files, monkeypatch):
    read, paths = module.read_table, []
    monkeypatch.setattr(module, "read_table", lambda path: paths.append(path) or read(path))
    found = tables_of(RUNS, files, THEORY)
    for _ in range(3):
        found.of_run("interval", found.runs_of("a")[0])
    assert len(paths) == 1


def test_lists_that_do_not_fit_are_refused(files):
    with pytest.raises(ValueError, match="zip"):
        tables_of(RUNS, files | {"interval": files["interval"][:1]}, THEORY)
