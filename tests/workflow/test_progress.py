"""One line for a whole run: jobs, time left, claims; what jobs say is in their logs, and a failure is said in full."""

import time
from pathlib import Path

import pytest

import snakemake_logger_plugin_dropscape as plugin
from dropscape.config.load import load_settings
from dropscape.cost_model.job_costs import job_cost
from dropscape.resolved.workflow import Workflow
from snakemake_logger_plugin_dropscape import Progress, failure
from tests.workflow.project import ROOT, Project

TARGETS = [f"results/smoke/data/{name}.safetensors" for name in ("one_neuron", "two_neurons", "curve")]


@pytest.fixture
def project(tmp_path):
    return Project(ROOT).clone(tmp_path / "clone")


def quiet(project):
    return project.environment | {"DROPSCAPE_QUIET": "1"}


def test_a_run_without_a_terminal_is_a_line_now_and_then_and_one_at_its_end(project):
    done = project.run(*TARGETS, "--logger", "dropscape", environment=quiet(project))
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1] == "3 of 3 jobs" and len(lines) <= 3, done.stdout
    assert "one_neuron" in next(project.path(".snakemake/log").glob("*.log")).read_text()


def test_a_failed_job_says_its_sentence_and_the_others_are_counted(project):
    folder = project.root / "damaged"
    folder.mkdir()
    for kind in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{kind}-ubyte").write_bytes(b"nothing")
    done = project.run(
        *TARGETS, "results/smoke/data/mnist.safetensors", "--keep-going", "--logger", "dropscape",
        environment=quiet(project), source="directory", directory=folder,
    )  # fmt: skip
    assert done.returncode != 0
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("dropscape: ")]
    assert "ubyte" in said and "3 of 4 jobs" in done.stdout


def test_time_left_is_forecast_and_then_at_the_pace_of_the_jobs_that_ended(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("snakemake_logger_plugin_dropscape.time.monotonic", lambda: now[0])
    progress = Progress(total=3, cores=2, forecasts={1: 30.0, 2: 60.0, 3: 10.0})
    assert progress.seconds_left() == 50 and progress.line() == "0 of 3 jobs, 50 s left"
    progress.ended.add(2)
    now[0] += 90  # half as fast again as forecast on one core
    assert progress.seconds_left() == pytest.approx(60)
    progress.ended |= {1, 3}
    assert progress.line() == "3 of 3 jobs"
    assert Progress(2, 1, {}).line() == "0 of 2 jobs"


def test_jobs_are_forecast_in_a_process_of_their_own_as_the_plan_does(monkeypatch):
    monkeypatch.setattr(plugin, "FORECASTS", {})
    monkeypatch.setattr(plugin, "_handlers", ["a line"])
    jobs = {3: ("data", {"dataset": "curve"}), 7: ("claims_table", {}), 9: ("nobody_knows", {})}
    plugin.forecast({"config": {"scale": "smoke"}, "root": str(ROOT), "jobs": jobs})
    end = time.monotonic() + 120
    while not plugin.FORECASTS and time.monotonic() < end:
        time.sleep(0.1)
    workflow = Workflow(load_settings({"scale": "smoke"}, ROOT))
    assert {job: job_cost(*jobs[job][:1], workflow, jobs[job][1]).seconds for job in (3, 7)} == plugin.FORECASTS


def test_claims_are_counted_over_the_studies(tmp_path):
    progress = Progress(1, 1, {})
    for name, verdicts in {"a.csv": ["holds", "holds", "fails"], "b.csv": ["holds", "not judged"]}.items():
        (tmp_path / name).write_text("claim,verdict\n" + "".join(f'"x, y",{verdict}\n' for verdict in verdicts))
        progress.count_claims(tmp_path / name)
    assert progress.line() == "0 of 1 jobs; claims so far: 3 hold, 1 fail, 1 not judged"


def test_a_failure_without_a_sentence_shows_the_end_of_its_log(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("one\nValueError: two\n")
    assert failure("training", [str(log)]).splitlines() == [
        f"A job of training failed (log: {log}):",
        *log.read_text().split("\n")[:2],
    ]
    assert "without a log" in failure("training", [str(Path("nowhere.log"))])
