"""The workflow's lists of paths find their runs."""

import pandas as pd
import pytest

from dropscape.artifacts.files import write_table
from dropscape.claims import tables as module
from dropscape.claims.tables import NotMeasured, tables_of

RUNS = [
    {"experiment": experiment, "name": name, "main": name == "one", "plain": False, "kinds": kinds,
     "settings": {"keep_prob": 0.8}}
    for experiment, name, kinds in (
        ("a", "one", ["alignment", "interval"]),
        ("a", "two", ["interval"]),
        ("b", "one", ["alignment"]),
    )
]  # fmt: skip
WHOLE = {"between": ["b"]}
THEORY = [["study", "one"], ["study", "two"]]


@pytest.fixture
def files(tmp_path):
    """Every table holds its own name."""
    names = {
        "alignment": ["a-one", "b-one"],
        "interval": ["a-one", "a-two"],
        "theory": ["study-one", "study-two"],
        "between": ["b"],
    }
    for kind, stems in names.items():
        for stem in stems:
            write_table(tmp_path / f"{kind}-{stem}.csv", pd.DataFrame({"name": [f"{kind}-{stem}"]}))
    return {kind: [str(tmp_path / f"{kind}-{stem}.csv") for stem in stems] for kind, stems in names.items()}


def test_each_run_gets_its_own_tables(files):
    found = tables_of(RUNS, files, THEORY, WHOLE)
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
    assert one.settings == {"keep_prob": 0.8}
    assert found.of_experiment("between", "b")["name"].tolist() == ["between-b"]
    for kind, experiment in (("between", "a"), ("beyond", "b")):
        with pytest.raises(NotMeasured, match=f"{experiment} has no table '{kind}'"):
            found.of_experiment(kind, experiment)


def test_a_table_is_read_once(files, monkeypatch):
    read, paths = module.read_table, []
    monkeypatch.setattr(module, "read_table", lambda path: paths.append(path) or read(path))
    found = tables_of(RUNS, files, THEORY, WHOLE)
    for _ in range(3):
        found.of_run("interval", found.runs_of("a")[0])
    assert len(paths) == 1


def test_lists_that_do_not_fit_are_refused(files):
    with pytest.raises(ValueError, match="zip"):
        tables_of(RUNS, files | {"interval": files["interval"][:1]}, THEORY, WHOLE)
