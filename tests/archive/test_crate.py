"""The archive of a run describes every file in it, says what ran, and holds checksums of what it leaves out."""

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from dropscape.archive.checklist import benchmarks, checklist
from dropscape.archive.crate import commit, copy_sources, git, write_crate
from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.errors import ArtifactError
from dropscape.report.verdicts import read_claims

ROOT = Path(__file__).parents[2]
CLAIM = {
    "claim": "A-one",
    "study": "noise_structure",
    "figure": "noise_structure-fig2d",
    "origin": "paper",
    "statement": "It does.",
    "place": "section 5",
    "quote": "it does",
    "statistic": "a number",
    "value": 2.0,
    "low": 1.5,
    "high": 2.5,
    "rests_on": "3 seeds",
    "expected": "above 1",
    "verdict": "holds",
    "points_to": "",
    "reason": "",
    "control": "none like it",
    "control_value": 0.5,
    "control_verdict": "fails",
    "deviations": "2,000 of 10,000 images",
    "data": "MNIST",
    "scale": "quick",
}
OPEN = {"claim": "A-two", "verdict": "not judged", "points_to": "holds", "low": float("nan"), "high": float("nan")}


@pytest.fixture
def results(tmp_path):
    """Results of two jobs, with a large file, a figure and two claims."""
    folder = tmp_path / "results/quick"
    write_table(folder / "claims/claims.csv", pd.DataFrame([CLAIM, CLAIM | OPEN]))
    for name, seconds in (("training/mnist_fnn/a", 100.0), ("claims/noise_structure", 5.0)):
        path = folder / f"benchmarks/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{seconds}\t0:00:01\t2048\t{seconds / 2}\n")
    write_json(folder / "training/mnist_fnn/a/provenance.json", provenance("training", {"seeds": [3, 5]}))
    (folder / "training/mnist_fnn/a/model.safetensors").write_bytes(b"large")
    write_json(folder / "data/mnist.json", {"label": "MNIST", "source": "directory", "checksums_verified": False})
    (folder / "figures").mkdir()
    (folder / "figures/noise_structure-fig2d.png").write_bytes(b"picture")
    write_json(folder / ".settings/training/mnist_fnn/a.json", {"seeds": [3, 5]})
    return folder


@pytest.fixture
def crate(results, tmp_path):
    """The opened archive and what it says of each thing, by its name."""
    with zipfile.ZipFile(write_crate(results, ROOT, tmp_path / "made/run.zip")) as file:
        graph = json.loads(file.read("ro-crate-metadata.json"))["@graph"]
        yield file, {entity["@id"]: entity for entity in graph}


def test_every_file_is_described_with_its_checksum(crate):
    file, entities = crate
    names = {name for name in file.namelist() if not name.endswith("/")} - {"ro-crate-metadata.json"}
    described = {name for name, entity in entities.items() if "File" in entity["@type"]} - {"ro-crate-metadata.json"}
    assert names == described and "workflow/Snakefile" in names
    for name in names - {"workflow/Snakefile"}:
        assert entities[name]["sha256"] == hashlib.sha256(file.read(name)).hexdigest()


def test_it_is_a_run_of_the_workflow_with_what_it_read_and_what_it_made(crate):
    _, entities = crate
    root, run = entities["./"], entities["#run"]
    assert run["@type"] == "CreateAction" and root["mentions"] in ({"@id": "#run"}, [{"@id": "#run"}])
    assert run["instrument"] == root["mainEntity"] == {"@id": "workflow/Snakefile"}
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow"} <= set(entities["workflow/Snakefile"]["@type"])
    assert {"@id": "results/figures/noise_structure-fig2d.png"} in run["result"]
    assert {"@id": "config/config.yaml"} in run["object"] and run["startTime"] < run["endTime"]
    profiles = {one["@id"] for one in root["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles


def test_what_is_large_is_left_out_and_its_checksum_is_there(crate, results):
    file, _ = crate
    name = "training/mnist_fnn/a/model.safetensors"
    assert f"results/{name}" not in file.namelist()
    assert f"{hashlib.sha256(b'large').hexdigest()}  results/{name}\n" in file.read("SHA256SUMS.txt").decode()
    assert json.loads(file.read("settings.json")) == {"training/mnist_fnn/a": {"seeds": [3, 5]}}
    assert file.read("commit.txt").decode() == commit(ROOT)


def test_the_checklist_counts_what_the_records_say(results):
    page = checklist(results, read_claims(results / "claims/claims.csv"))
    for sentence in (
        "1 of 2 claims are judged",
        "MNIST: source `directory`; checksums not those of the official files",
        "2 jobs, 1 min 45 s of time and 52 s of processor time",
        "The longest job took 1 min 40 s (training/mnist_fnn/a)",
        "Seeds of trainings: 3, 5.",
        "1 of 2 claims have a 95 % interval, over independent units: 3 seeds (1 claim)",
        "Controls: 2 fails",
    ):
        assert sentence in page
    assert len(benchmarks(results)) == 2


def test_nothing_is_written_over_a_file_or_without_claims(results, tmp_path):
    (tmp_path / "there.zip").write_bytes(b"mine")
    with pytest.raises(ArtifactError, match=r"there\.zip is there already: write another --out"):
        write_crate(results, ROOT, tmp_path / "there.zip")
    (results / "claims/claims.csv").unlink()
    with pytest.raises(ArtifactError, match=r"claims\.csv"):
        write_crate(results, ROOT, tmp_path / "other.zip")
    assert not (tmp_path / "other.zip").exists()


def test_new_files_are_in_it_and_a_repository_above_is_not_this_one(tmp_path):
    clone = tmp_path / "above/clone"
    (clone / "src").mkdir(parents=True)
    (clone / "src/neü.py").write_text("new")
    subprocess.run(["git", "-C", str(clone.parent), "init", "--quiet"], check=True)
    assert git(clone, "rev-parse", "--git-dir") == "" and commit(clone).startswith("The repository has no git")
    subprocess.run(["git", "-C", str(clone), "init", "--quiet"], check=True)
    (clone / ".gitignore").write_text("*.log\n")
    (clone / "src/own.log").write_text("ignored")
    copy_sources(clone, tmp_path / "staged")
    assert [path.name for path in (tmp_path / "staged/src").iterdir()] == ["neü.py"]
