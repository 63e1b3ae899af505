"""Two results beside each other: what changed, what is apart, and the pages that say it."""

import re
import shutil

import pandas as pd
import pytest
from PIL import Image

from dropscape.artifacts.files import write_json, write_table
from dropscape.commands.main import main
from dropscape.comparison.drawing import overlay
from dropscape.comparison.pages import html, terminal
from dropscape.comparison.results import read_results
from dropscape.comparison.tables import compare
from dropscape.errors import ConfigurationError

CLAIM = {
    "claim": "first", "study": "s", "figure": "s-fig1", "origin": "paper", "statement": "It is <flat>.", "place": "",
    "quote": "", "statistic": "a ratio", "value": 1.5, "low": 1.2, "high": 1.8, "rests_on": "3 seeds",
    "expected": "above 1", "verdict": "holds", "points_to": "", "reason": "", "control": "", "control_value": None,
    "control_verdict": "", "deviations": "", "data": "digits", "scale": "smoke",
}  # fmt: skip
CLAIMS = [CLAIM, CLAIM | {"claim": "second"}, CLAIM | {"claim": "third", "low": None, "high": None}]
LINE = {"run": ["a", "a"], "quantity": ["loss"] * 2, "step": [0, 9]}
SUMMARY = LINE | {"mean": [2.0, 1.0], "low": [1.9, 0.9], "high": [2.1, 1.1]}


@pytest.fixture
def folder(tmp_path):
    """A folder of results as the workflow writes it, with three claims and one figure."""
    results = tmp_path / "before"
    for place in ("claims", "figures", ".settings/training/net", "training/net"):
        (results / place).mkdir(parents=True)
    write_table(results / "claims/claims.csv", pd.DataFrame(CLAIMS))
    write_table(results / "figures/s-fig1.csv", pd.DataFrame({"seed": [0, 0], "loss": [2.0, 1.0]}))
    write_table(results / "figures/s-fig1.summary.csv", pd.DataFrame(SUMMARY))
    Image.new("RGB", (4, 4)).save(results / "figures/s-fig1.png")
    write_json(results / ".settings/training/net/keep0.5.json", {"seeds": [0, 1], "data": {"examples": 50}})
    record = {"stage": "training", "parameters": {"x": 1}, "machine": "x86_64", "versions": {"torch": "2.13.0"}}
    write_json(results / "training/net/model.provenance.json", record)
    return results


@pytest.fixture
def other(folder, tmp_path):
    """Changes to a copy of the folder, by the claim; its content afterwards as results."""

    def changed(**claims):
        after = tmp_path / "after"
        shutil.copytree(folder, after, dirs_exist_ok=True)
        table = pd.DataFrame([claim | claims.get(claim["claim"], {}) for claim in CLAIMS])
        write_table(after / "claims/claims.csv", table)
        return after

    return changed


def compared(before, after):
    sides = read_results(before, "before"), read_results(after, "after")
    return compare(*sides), sides


def test_the_same_results_differ_in_nothing(folder, other):
    found, _ = compared(folder, other())
    assert len(found.claims) == 3 and found.flips.empty and found.apart.empty and found.only.empty
    assert found.settings.empty and found.environment.empty and set(found.figures["difference"]) == {""}


@pytest.mark.parametrize(
    ("changed", "change", "apart"),
    [
        ({"verdict": "fails", "value": 0.5, "low": 0.4, "high": 0.6}, "flipped", "yes"),
        ({"verdict": "not judged", "points_to": "holds"}, "lost", "no"),
        ({"value": 1.9, "low": 1.7, "high": 2.1}, "", "no"),
        ({"value": 2.0, "low": 1.9, "high": 2.1}, "", "yes"),
        ({"low": None, "high": None}, "", "no interval"),
    ],
)
def test_a_claim_is_flipped_lost_or_apart(folder, other, changed, change, apart):
    found, _ = compared(folder, other(first=changed))
    first = found.claims.set_index("claim").loc["first"]
    assert (first["change"], first["apart"]) == (change, apart)
    # The other way round a lost verdict is a new one.
    back, _ = compared(other(first=changed), folder)
    assert back.claims.set_index("claim").loc["first", "change"] == {"lost": "new"}.get(change, change)


def test_what_decides_the_numbers_is_named_once_with_where(folder, other):
    after = other()
    write_json(after / ".settings/training/net/keep0.5.json", {"seeds": [0], "data": {"examples": 40}})
    write_json(after / ".settings/training/net/keep0.6.json", {"seeds": [0]})
    (after / ".settings/claims").mkdir()
    write_json(after / ".settings/claims/s.json", {"tables": "after/x.csv"})
    record = {"stage": "training", "machine": "aarch64", "versions": {"torch": "2.14.0"}}
    write_json(after / "training/net/model.provenance.json", record)
    found, _ = compared(folder, after)
    assert found.settings.to_numpy().tolist() == [
        ["data.examples", "50", "40", "net (1 job)"],
        ["seeds", "[0, 1]", "[0]", "net (1 job)"],
        ["jobs", "not made", "made", "net (1 job)"],
    ]
    assert found.environment.to_numpy().tolist() == [
        ["machine", "x86_64", "aarch64"],
        ["versions.torch", "2.13.0", "2.14.0"],
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"seed": [0, 0], "loss": [2.0, 1.1]}, "up to 5 % of the largest loss"),
        ({"seed": [0, 0], "loss": [2.0, None]}, "loss has numbers in other rows"),
        ({"seed": [0], "loss": [2.0]}, "1 rows for 2"),
        ({"seed": [0, 1], "loss": [2.0, 1.0]}, "other rows"),
        ({"seed": [0, 0], "accuracy": [2.0, 1.0]}, "other columns"),
    ],
)
def test_how_far_a_figure_is_from_the_other(folder, other, table, said):
    after = other()
    write_table(after / "figures/s-fig1.csv", pd.DataFrame(table))
    assert compared(folder, after)[0].figures["difference"].tolist() == [said]


def test_claims_and_figures_of_one_alone(folder, other):
    after = other()
    write_table(after / "claims/claims.csv", pd.DataFrame(CLAIMS[:2]))
    (after / "figures/s-fig1.csv").rename(after / "figures/s-fig2.csv")
    found, _ = compared(folder, after)
    assert found.only[["claim", "side"]].to_numpy().tolist() == [["third", "a"]]
    assert found.figures["difference"].tolist() == ["only in before", "only in after"]


def test_a_folder_with_the_claims_alone_is_compared_too(folder, tmp_path):
    reference = tmp_path / "reference"
    reference.mkdir()
    write_table(reference / "claims.csv", pd.DataFrame(CLAIMS))
    assert len(compared(reference, folder)[0].claims) == 3
    with pytest.raises(ConfigurationError, match="holds neither claims nor figures: write the folder of a scale"):
        read_results(tmp_path, "x")
    with pytest.raises(ConfigurationError, match=r"befor is no folder of results: write .*before"):
        read_results(tmp_path / "befor", "x")


def test_the_page_is_whole_and_text_is_no_markup(folder, other):
    after = other(first={"verdict": "fails"})
    write_table(after / "figures/s-fig1.csv", pd.DataFrame({"seed": [0, 0], "loss": [2.0, 1.1]}))
    found, sides = compared(folder, after)
    page = html(found, sides)
    assert "It is &lt;flat&gt;." in page and "<flat>" not in page
    assert len(re.findall(r'src="data:image/png;base64,', page)) == 3  # both pictures, and the two in one panel
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert page.index("first") < page.index("second")
    assert "1 of 3 verdicts flipped or lost" in terminal(found)


def test_only_figures_of_lines_and_power_laws_are_laid_over_each_other():
    lines = pd.DataFrame(SUMMARY)
    assert overlay(lines, lines.assign(mean=3.0), ("a", "b")).startswith(b"\x89PNG")
    assert overlay(lines.drop(columns="step"), lines, ("a", "b")) is None


@pytest.mark.parametrize(
    ("verdict", "words", "status"),
    [
        ("fails", ["--fail-on-flip"], 1),
        ("not judged", ["--fail-on-flip"], 1),
        ("fails", [], 0),
        ("holds", ["--fail-on-flip"], 0),
    ],
)
def test_the_exit_status_tells_of_a_flip(folder, other, tmp_path, capsys, verdict, words, status):
    after, out = other(second={"verdict": verdict}), tmp_path / "out"
    assert main(["compare", str(folder), str(after), "--out", str(out), *words]) == status
    assert ("second" in capsys.readouterr().out) == (verdict != "holds")
    assert sorted(path.name for path in out.iterdir()) == [
        "claims.csv", "comparison.html", "comparison.md", "environment.csv", "figures.csv", "only.csv", "settings.csv",
    ]  # fmt: skip
    claims = pd.read_csv(out / "claims.csv").set_index("claim")
    assert claims.loc["second", "verdict_b"] == verdict
    assert "| second |" in (out / "comparison.md").read_text()


def test_a_scale_is_found_from_below_the_repository(folder, tmp_path, monkeypatch, capsys):
    shutil.copytree(folder, tmp_path / "clone/results/my scale ü")
    (tmp_path / "clone/docs").mkdir()
    monkeypatch.chdir(tmp_path / "clone/docs")
    assert main(["compare", "my scale ü", str(folder)]) == 0
    assert "0 of 3 verdicts flipped or lost" in capsys.readouterr().out
