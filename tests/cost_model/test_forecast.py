"""The jobs of a dry run, their sum, and their comparison with what was recorded."""

import math
from io import StringIO
from pathlib import Path
from textwrap import indent

import pandas as pd
import pytest

from dropscape.config.load import load_settings, user_keys, user_settings
from dropscape.cost_model.__main__ import main
from dropscape.cost_model.forecast import against_records, by_stage, forecasts, longest
from dropscape.cost_model.jobs import ListedJob, jobs_in
from dropscape.cost_model.page import comparison, page
from dropscape.resolved.workflow import Workflow

ROOT = Path(__file__).parents[2]
LISTED = """\
Building DAG of jobs...
[Sun Nov 22 08:36:37 2026]
rule training:
    input: results/smoke/data/mnist.safetensors, results/smoke/.code/training.sha256
    output: results/smoke/training/mnist_fnn/keep0.9-lr0.1/model.safetensors
    log: results/smoke/logs/training/mnist_fnn/keep0.9-lr0.1.log
    jobid: 3
    benchmark: {folder}/training.tsv
    reason: Missing output files: results/smoke/training/mnist_fnn/keep0.9-lr0.1/model.safetensors
    wildcards: experiment=mnist_fnn, run=keep0.9-lr0.1
    threads: 2
    resources: tmpdir=/tmp, gpu=1, checkpoint_ms=30000
[Sun Nov 22 08:36:37 2026]
rule noise_spectrum:
    input: a
    output: b
    benchmark: {folder}/spectrum.tsv
    wildcards: experiment=mnist_fnn, run=keep0.9-lr0.1
[Sun Nov 22 08:36:37 2026]
rule another_stage:
    output: c
[Sun Nov 22 08:36:37 2026]
localrule all:
    input: b, c
    jobid: 0
"""


@pytest.fixture
def workflow():
    return Workflow(load_settings({"scale": "smoke"}, ROOT))


@pytest.fixture
def table(workflow, tmp_path):
    return forecasts(jobs_in(LISTED.format(folder=tmp_path)), workflow)


def test_jobs_of_a_dry_run():
    training, spectrum, other = jobs_in(LISTED.format(folder="benchmarks"))
    wildcards = {"experiment": "mnist_fnn", "run": "keep0.9-lr0.1"}
    inputs = "results/smoke/data/mnist.safetensors", "results/smoke/.code/training.sha256"
    outputs = ("results/smoke/training/mnist_fnn/keep0.9-lr0.1/model.safetensors",)
    assert training == ListedJob("training", wildcards, 2, "benchmarks/training.tsv", inputs, outputs)
    assert (spectrum.stage, spectrum.threads) == ("noise", 1)
    assert other == ListedJob("another_stage", {}, 1, "", ("",), ("c",))


def test_jobs_that_share_a_submission_count_too():
    grouped = LISTED.replace("[Sun", "Group job short (jobs in lexicogr. order):\n[Sun", 1)
    head, _, jobs = grouped.partition("order):\n")
    assert list(jobs_in(f"{head}order):\n{indent(jobs, '    ')}")) == list(jobs_in(LISTED))


def test_what_nobody_counted_is_counted_as_such(table, workflow):
    assert table["counted"].tolist() == [True, True, False]
    assert math.isnan(table["seconds"].iloc[2])
    stages = by_stage(table)
    assert stages.index.tolist() == ["training", "noise", "another", "together"]
    assert stages["not_counted"].tolist() == [0, 0, 1, 1]
    assert "Not counted: 1 jobs of another_stage." in page(table, workflow, "2")


def test_stages_add_up_and_the_largest_job_counts(table):
    stages, together = by_stage(table), by_stage(table).loc["together"]
    assert together["jobs"] == 3
    assert together["core_hours"] == pytest.approx(table["seconds"].sum() / 3600)
    assert together["disk"] == pytest.approx(table["disk"].sum() / 1e9)
    assert together["memory"] == pytest.approx(table["memory"].max() / 1e9)
    assert together["threads"] == 2
    assert stages.loc["training", "gpu_hours"] > 0 and stages.loc["noise", "gpu_hours"] == 0
    assert 0 < stages.loc["training", "beside_gpu"] < stages.loc["training", "core_hours"]
    assert stages.loc["noise", "beside_gpu"] == stages.loc["noise", "core_hours"]


def test_a_run_takes_at_least_its_longest_chain_of_jobs(workflow):
    """In whatever order they are listed: the second needs the first, the third nothing that is made."""
    jobs = [
        ("second", "a, x", "b", 2, 1),
        ("third", "x", "c", 6, 1),
        ("first", "x", "a", 5, 3),
    ]
    table = pd.DataFrame(
        {
            "job": name,
            "rule": name,
            "stage": name,
            "inputs": tuple(inputs.split(", ")),
            "outputs": (outputs,),
            "seconds": 3600.0 * hours,
            "gpu_seconds": 3600.0 * on_gpu,
            "beside": 0.0,
            "counted": True,
            "threads": 1,
            "memory": 0.0,
            "disk": 0.0,
        }
        for name, inputs, outputs, hours, on_gpu in jobs
    )
    assert longest(table, gpu=False) == (7, "third", 6)
    assert longest(table, gpu=True) == (4, "first", 3)
    shown = page(table, workflow, "1", 2)
    assert "On 1 cores without a GPU it takes at least 13 hours: all work shared out 13, the longest chain" in shown
    assert (
        "On 2 GPUs and 1 cores it takes at least 4 hours: all work shared out 2.5, the longest chain of jobs 4" in shown
    )
    assert " 2 GPUs" not in page(table, workflow, "1")


def test_records_are_compared_rule_by_rule(table, tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    seconds = table["seconds"].tolist()
    for name, value in (("training", seconds[0] * 1.9), ("spectrum", seconds[1] * 2.1)):
        (tmp_path / f"{name}.tsv").write_text(header + f"{value}\t0:00:01\t300.0" + "\t0" * 7 + "\n")
    compared = against_records(table)
    assert compared["rule"].tolist() == ["training", "noise_spectrum"]
    assert compared["recorded_memory"].tolist() == [300 * 2**20] * 2
    said = comparison(table)
    assert "Within a factor of 2: 1 of 2 rules, 1 of 2 jobs" in said
    (line,) = (line for line in said.splitlines() if line.startswith("noise_spectrum"))
    assert line.endswith("more than a factor of 2")


def test_without_records_there_is_nothing_to_compare(table):
    assert comparison(table) == "No job of this configuration has a benchmark file yet."


def test_a_machine_without_a_gpu_to_use_shows_none(table):
    shown = page(table, Workflow(load_settings({"scale": "smoke", "device": "cpu"}, ROOT)), "all")
    (line,) = (line for line in shown.splitlines() if line.startswith("training"))
    assert line.split()[4] == "-"


def test_files_and_keys_are_merged_as_snakemake_does(tmp_path):
    (tmp_path / "own.yaml").write_text("scale: paper\nthreads: 2\nsource: {mnist: official}\n")
    keys = user_keys([tmp_path / "own.yaml"], {"scale": "smoke", "seeds": [3, 4], "download_cache": "data"}, ROOT)
    user = user_settings(keys)
    assert (user.scale, user.threads, user.seeds, user.download_cache) == ("smoke", 2, [3, 4], "data")


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("Nothing to be done (all requested files are present and up to date).", 0, "nothing left to be made"),
        ("WorkflowError in file", 1, "WorkflowError in file"),
        (LISTED, 0, "3 "),
    ],
)
def test_the_command(monkeypatch, capsys, text, status, said):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.stdin", StringIO(text))
    assert main(["--config", "scale=smoke", "--cores", "2"]) == status
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


def test_a_wrong_configuration_is_one_sentence(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.stdin", StringIO(""))
    assert main(["--config", "scale=large"]) == 1
    assert capsys.readouterr().err.startswith("dropscape: In config/config.yaml or --config: 'scale' is 'large'")
