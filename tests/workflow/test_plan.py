"""The forecast of the smoke scale against what it took, in what does not depend on how busy the machine is."""

import pytest

from dropscape.config.load import load_settings
from dropscape.cost_model.forecast import WITHIN, against_records, forecasts
from dropscape.cost_model.jobs import jobs_in
from dropscape.resolved.workflow import Workflow

INTERPRETER = 30e6  # bytes; more than Python takes before it has loaded numpy, less than any job's imports


@pytest.fixture
def table(smoke, monkeypatch):
    """The forecast of every job of the smoke scale, with what it recorded."""
    listed = smoke.run("--dry-run", "--forceall")
    monkeypatch.chdir(smoke.root)
    workflow = Workflow(load_settings({"scale": "smoke"}, smoke.root))
    return against_records(forecasts(jobs_in(listed.stdout), workflow))


def test_every_job_is_counted_and_its_memory_close_to_what_it_recorded(table, jobs):
    assert sorted(table["job"].str.strip()) == sorted(job.name for job in jobs)
    assert table["counted"].all()
    # A job that ends before Snakemake's first look at it has no record, one that ends before the second look that of a
    # process that has only begun.
    seen = table[table["recorded_memory"] > INTERPRETER]
    assert seen["rule"].nunique() >= 20
    most = seen.groupby("rule")[["memory", "recorded_memory"]].max()
    ratio = most["memory"] / most["recorded_memory"]
    assert ratio.between(1 / WITHIN, WITHIN).all(), ratio.to_dict()


def test_tensors_take_the_disk_that_was_forecast(smoke, table, jobs):
    outputs = {job.name: job.outputs for job in jobs}
    compared = []
    for row in table[table["rule"].isin(["training", "sampling", "curvature"])].itertuples():
        written = sum(smoke.path(path).stat().st_size for path in outputs[row.job] if not path.endswith(".json"))
        # The descriptions in the files, a few kilobytes, are not counted.
        if written > 100_000:
            compared.append(row.job)
            assert row.disk / written == pytest.approx(1, abs=0.3), row.job
    assert {"training", "curvature"} <= {job.split()[0] for job in compared}
