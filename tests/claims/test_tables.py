"""Runs find their tables."""

import pandas as pd
import pytest

from dropscape.artifacts import tables as module
from dropscape.artifacts.files import write_table
from dropscape.artifacts.tables import NotMeasuredError
from dropscape.claims.statistic import Run, Tables

TABLES_OF_RUNS = {
    "a": {"one": ["alignment", "interval"], "two": ["interval"]},
    "b": {"one": ["alignment"], "plain": ["alignment"]},
}
RUNS = [
    Run(experiment, name, main=name == "one", plain=name == "plain", settings={"keep_prob": 0.8})
    for experiment, runs in TABLES_OF_RUNS.items()
    for name in runs
]


@pytest.fixture
def tables(tmp_path):
    """Every table holds its own name."""

    def written(*parts):
        path = tmp_path / f"{'-'.join(parts)}.csv"
        write_table(path, pd.DataFrame({"name": ["-".join(parts)]}))
        return str(path)

    runs = {
        experiment: {run: {table: written(experiment, run, table) for table in names} for run, names in runs.items()}
        for experiment, runs in TABLES_OF_RUNS.items()
    }
    experiments = {"b": {"between": written("b", "between")}}
    theory = {table: written("theory", table) for table in ("first", "second")}
    return Tables(RUNS, {"runs": runs, "experiments": experiments, "theory": theory})


def test_each_run_gets_its_own_tables(tables):
    assert [(run.name, run.main) for run in tables.experiment_runs("a")] == [("one", True), ("two", False)]
    for run in RUNS:
        for table in TABLES_OF_RUNS[run.experiment][run.name]:
            assert tables.run_table(run, table)["name"].tolist() == [f"{run.experiment}-{run.name}-{table}"]
    for table in ("first", "second"):
        assert tables.theory_table(table)["name"].tolist() == [f"theory-{table}"]
    assert tables.experiment_table("b", "between")["name"].tolist() == ["b-between"]


def test_tables_that_are_not_there_are_not_measured(tables):
    for table, experiment in (("between", "a"), ("beyond", "b")):
        with pytest.raises(NotMeasuredError, match=f"{experiment} has no table '{table}'"):
            tables.experiment_table(experiment, table)
    with pytest.raises(NotMeasuredError, match="a has no table 'alignment'"):
        tables.run_table(tables.named_run("a", "two"), "alignment")
    with pytest.raises(NotMeasuredError, match="a has no run 'three' at this scale"):
        tables.named_run("a", "three")


def test_the_training_without_dropout_is_one_of_the_same_experiment(tables):
    assert tables.without_dropout(tables.named_run("b", "one")).name == "plain"
    with pytest.raises(NotMeasuredError, match="plain is what trainings with dropout are compared with"):
        tables.without_dropout(tables.named_run("b", "plain"))
    with pytest.raises(NotMeasuredError, match="a has no training without dropout"):
        tables.without_dropout(tables.named_run("a", "one"))


def test_the_training_without_dropout_has_the_same_optimizer_and_the_same_rate_where_there_is_one():
    def run(name, plain, optimizer, rate):
        return Run("b", name, True, plain, {"optimizer": optimizer, "learning_rate": rate})

    plain = [run("gd", True, "gd", 1), run("adam-1", True, "adam", 1), run("adam-2", True, "adam", 2)]
    tables = Tables(plain, {"runs": {}, "experiments": {}, "theory": {}})
    assert tables.without_dropout(run("x", False, "adam", 2)).name == "adam-2"
    assert tables.without_dropout(run("x", False, "adam", 3)).name == "adam-1"
    assert tables.without_dropout(run("x", False, "gd", 2)).name == "gd"
    with pytest.raises(NotMeasuredError, match="b has no training without dropout"):
        tables.without_dropout(run("x", False, "nesterov", 1))


def test_a_table_is_read_once(tables, monkeypatch):
    read, paths = module.read_table, []
    monkeypatch.setattr(module, "read_table", lambda path: paths.append(path) or read(path))
    for _ in range(3):
        tables.run_table(RUNS[0], "interval")
    assert len(paths) == 1
