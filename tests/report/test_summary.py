import os
import sys

import pytest

from dropscape.artifacts.files import write_json
from dropscape.artifacts.provenance import numeric_versions
from dropscape.report import summary as module
from dropscape.report.summary import stage_times, summary

HEADER = "s\th:m:s\tmax_rss\n"


@pytest.fixture
def folder(tmp_path, claims):
    results = tmp_path / "quick"
    jobs = {"training/a/run1": 100.4, "training/a/run2": 31.0, "claims/claims": 2.0, "data/mnist": 5.15}
    ended = {"data/mnist": 1, "training/a/run1": 2, "training/a/run2": 3, "claims/claims": 4}
    for job, seconds in jobs.items():
        file = results / "benchmarks" / f"{job}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{HEADER}{seconds}\t0:00:00\t-\n")
        os.utime(file, (ended[job], ended[job]))
    (results / "claims").mkdir()
    claims.to_csv(results / "claims" / "claims.csv", index=False)
    (results / "figures").mkdir()
    for name in ("a.png", "a.pdf", "b.png"):
        (results / "figures" / name).touch()
    return results


def test_times_are_summed_by_stage_in_the_order_of_the_work(folder):
    times = stage_times(folder)
    assert times["stage"].tolist() == ["data", "training", "claims"]
    assert times["jobs"].tolist() == [1, 2, 1]
    assert times["seconds"].tolist() == pytest.approx([5.15, 131.4, 2.0])


@pytest.mark.parametrize("cut", ["", HEADER[:3], HEADER, f"{HEADER}4x"])
def test_a_time_that_was_cut_off_is_left_out(folder, cut):
    (folder / "benchmarks/training/a/run2.tsv").write_text(cut)
    times = stage_times(folder).set_index("stage")
    assert times.loc["training", ["jobs", "seconds"]].tolist() == pytest.approx([1, 100.4])


def test_names_every_verdict_the_times_and_the_places(folder):
    (folder / "report").mkdir()
    (folder / "report" / "report.html").touch()
    lines = summary(folder).splitlines()
    assert lines[0] == (
        "Scale smoke: Of the papers' sentences 1 holds, 1 fails, 1 is not judged; of our own and identities 1 holds, "
        "0 fail, 0 are not judged."
    )
    assert " ".join(lines[1].split()) == "holds A-fig2 -0.912 [-0.95, -0.88], expected below 0"
    assert " ".join(lines[2].split()) == "fails C-cosine 0.412 [0.39, 0.43], expected above 0.85"
    assert lines[4].split()[:4] == ["not", "judged", "A-few", "undefined,"]
    assert lines[5].strip() == "too few points: 12"
    text = "\n".join(lines)
    words = [" ".join(line.split()) for line in lines]
    assert "data 5 s 1 job" in words and "training 2 min 11 s 2 jobs" in words
    assert str(folder / "report" / "report.html") in text
    assert f"{folder / 'figures'} (2, each as" in text


def test_says_what_is_not_there_yet(tmp_path):
    text = summary(tmp_path / "quick")
    assert "No claim is judged yet." in text and "not made yet: make report" in text
    assert "Time of the jobs" not in text


def test_a_damaged_table_is_one_sentence(folder, monkeypatch):
    (folder / "claims" / "claims.csv").write_text("")
    monkeypatch.setattr(sys, "argv", ["summary", str(folder)])
    with pytest.raises(SystemExit, match=r"^dropscape: .*claims\.csv is damaged"):
        module.main()


def test_results_of_other_versions_are_counted(folder):
    here = numeric_versions()
    for name, versions in {
        "same": here,
        "older": here | {"torch": "1.0"},
        "old": here | {"torch": "1.0", "numpy": "1"},
    }.items():
        write_json(folder / "training" / name / "provenance.json", {"versions": versions})
    (line,) = (line for line in summary(folder).splitlines() if "other versions" in line)
    assert f"torch {here['torch']}" in line and "1 by numpy 1, 2 by torch 1.0" in line
    assert line.endswith("RERUN_VERSIONS=true makes everything again.")
    for name in ("older", "old"):
        write_json(folder / "training" / name / "provenance.json", {"versions": here})
    assert "other versions" not in summary(folder)
