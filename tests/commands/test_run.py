"""What was given to make, and what Snakemake is given of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.common.configfile import load_configfile

from dropscape.commands.from_make import given, main
from dropscape.commands.run import Run, reproduce
from dropscape.errors import ConfigurationError
from dropscape.run_lock import RunLock


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a configuration file of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("scale: \"smoke\"\nresults: 'my results'\n")
    return tmp_path


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SEDS": "[0]"}, "make was given SEDS, which it does not know: write SEEDS, or one of CONFIG, PROFILE"),
        ({"PROFILE": "nope"}, "PROFILE is 'nope': write one of default, gpu, slurm, or a folder"),
        ({"CORES": "-1"}, "CORES is -1: write a number from 1, or all"),
        ({"CORES": "0"}, "CORES is 0: write a number from 1, or all"),
        ({"CORES": "two"}, "CORES is two: write a number from 1, or all"),
        ({"GPUS": "-1"}, "GPUS is -1: write a number from 0."),
        ({"GPUS": "all"}, "GPUS is all: write a number from 0."),
        ({"CONFIG": "/nothere.yaml"}, "/nothere.yaml does not exist: write another file"),
        ({"SEEDS": "[0"}, "SEEDS is [0, which is no YAML"),
        ({"SEEDS": "3"}, "'seeds' is 3: write a list, such as [3]"),
        ({"SCALE": "huge"}, "'scale' is 'huge': write smoke, quick, desktop or paper"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(folder, monkeypatch, capsys, variables, sentence):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["reproduce", *variables]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("dropscape: ") and sentence in line


def test_only_what_was_given_is_passed_on(folder):
    assert Run({}).snakemake()[5:] == []
    command = Run({"CONFIG": "mine.yaml", "CORES": "3", "GPUS": "2", "SEEDS": "[0, 1]"}).snakemake("--dry-run")
    *options, file, last = command[5:]
    assert options == ["--cores", "3", "--resources", "gpu=8", "--configfile", "mine.yaml"] and last == "--dry-run"
    assert json.loads(Path(file).read_text()) == {"seeds": [0, 1]}
    # A submission to a cluster has its GPU for itself.
    assert "gpu=2" in Run({"PROFILE": "slurm", "GPUS": "2"}).snakemake()


def test_an_empty_file_is_none(folder):
    (folder / "mine.yaml").write_text("# nothing\n")
    assert Run({"CONFIG": "mine.yaml"}).files() == []


def test_the_scale_and_the_results_are_those_of_the_configuration_file(folder):
    assert str(Run({"CONFIG": "mine.yaml"}).results) == "my results/smoke"
    assert str(Run({"CONFIG": "mine.yaml", "SCALE": "quick"}).results) == "my results/quick"
    assert str(Run({}).results) == "results/quick"


@pytest.mark.parametrize("results", ["2026_11_29", "2026", "é", '"q"', "a: b", "[1]", "#a", "null"])
def test_text_is_taken_as_it_stands(folder, results):
    run = Run({"RESULTS": results, "SOURCE": "{mnist: directory}", "DIRECTORY": "~/Dübel"})
    (file,) = run.files()
    read = load_configfile(file)  # as Snakemake does
    assert read == {"results": results, "source": {"mnist": "directory"}, "directory": "~/Dübel"}
    assert str(run.results) == f"{results}/quick"
    assert run.user.directory == str(Path("~/Dübel").expanduser())


def test_null_is_null(folder):
    (file,) = Run({"SEEDS": "null", "OVERRIDES": "{noise_structure: {theory: null}}"}).files()
    assert load_configfile(file) == {"seeds": None, "overrides": {"noise_structure": {"theory": None}}}


def test_what_the_environment_has_is_not_taken_in_silence(folder, monkeypatch, capsys):
    monkeypatch.setenv("SCALE", "smoke")
    monkeypatch.setenv("SEEDS", "[0]")
    assert given(["SEEDS"]) == {"SEEDS": "[0]"}
    assert "SCALE in the environment is not used: write it after make" in capsys.readouterr().err


def test_nothing_is_cleaned_while_a_run_is_at_work(folder, capsys):
    table = folder / "results/quick/a.csv"
    table.parent.mkdir(parents=True)
    table.touch()
    lock = RunLock("results/quick")
    lock.hold()
    assert main(["clean"]) == 1 and table.exists()
    assert "Another run is at work in results/quick" in capsys.readouterr().err
    lock._lock.release()
    assert main(["clean"]) == 0 and not table.exists()


@pytest.mark.parametrize(("status", "made", "shown"), [(0, False, True), (1, True, True), (1, False, False)])
def test_old_verdicts_do_not_hide_an_error_before_any_job(folder, monkeypatch, capfd, status, made, shown):
    log = folder / "my results/smoke/logs/claims/a.log"
    log.parent.mkdir(parents=True)
    log.touch()
    os.utime(log, (1, 1))
    run = Run({"CONFIG": "mine.yaml"})
    does = f"import pathlib, sys; {made} and pathlib.Path('my results/smoke/logs/new.log').touch(); sys.exit({status})"
    monkeypatch.setattr(run, "snakemake", lambda *more: [sys.executable, "-c", does])
    assert reproduce(run) == status
    assert ("No claim is judged yet" in capfd.readouterr().out) == shown


@pytest.mark.parametrize(
    ("asked", "said"),
    [({}, "['--logger', 'dropscape', '--', 'fig2d'] 1\n"), ({"VERBOSE": "1"}, "['--', 'fig2d'] None\n")],
)
def test_targets_are_made_alone_without_report_and_summary(folder, monkeypatch, capfd, asked, said):
    """With one line for the whole run, unless everything is asked for."""
    run = Run({"CONFIG": "mine.yaml"} | asked)
    prints = "import os, sys; print(sys.argv[1:], os.environ.get('DROPSCAPE_QUIET'))"
    monkeypatch.setattr(run, "snakemake", lambda *more: [sys.executable, "-c", prints, *more])
    assert reproduce(run, ["fig2d"]) == 0
    assert capfd.readouterr().out == said


def test_sigterm_is_passed_on(folder, monkeypatch):
    """To the process that make started, so that Snakemake and its jobs do not go on alone."""
    code = (
        "import signal, sys, time\n"
        "from dropscape.commands.run import followed\n"
        "child = 'import signal, sys, time; signal.signal(signal.SIGTERM, lambda *a: sys.exit(7)); '\n"
        "child += 'print(1, flush=True); time.sleep(60)'\n"
        "sys.exit(followed([sys.executable, '-c', child]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "1\n"
    process.terminate()
    assert process.wait(30) == 7


def test_an_unknown_profile_may_be_a_folder(folder):
    (folder / "site").mkdir()
    (folder / "site/config.yaml").write_text("cores: 1\n")
    assert "site" in Run({"PROFILE": "./site"}).snakemake()[4]
    with pytest.raises(
        ConfigurationError, match=r"PROFILE is '\./other': write one of default, gpu, slurm, or a folder"
    ):
        Run({"PROFILE": "./other"})
