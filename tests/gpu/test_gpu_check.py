"""``make gpu-check`` on the pretended GPU, at tiny sizes: every line is there and right. Rates mean nothing here."""

import csv
import gc
import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from benchmarks.gpu_check import __main__ as gpu_check
from benchmarks.gpu_check.lines import Book, Line
from benchmarks.gpu_check.machine import Machine, Work, different_bits, relative
from benchmarks.gpu_check.masks import STREAM
from benchmarks.gpu_check.rates import fitted, foreseen, measured_rate
from benchmarks.gpu_check.workflow import apart
from dropscape.cost_model.rates import GPU
from dropscape.dropout.masks import MaskStream
from dropscape.numerics.replay import Replayed

# Of the modules' lines, how many say how far something is from what it should be. The workflow's jobs, processes of
# their own, see no pretended GPU.
WITH_A_LIMIT = {
    "limits": 4,
    "masks": 6,
    "trainings": 2 + 10 + 7,
    "networks": 30,
    "gradients": 2,
    "curvature": 2 + 4 + 1 + 1,
    "measurements": 2,
    "equations": 7,
    "subnetworks": 1 + 3,
    "jobs": 0,
    "rates": 0,
}


def rows(folder):
    return list(csv.DictReader((folder / "gpu_check.csv").open()))


@pytest.fixture
def short_collections():
    """Captures on the pretended GPU collect garbage, which takes long where it looks at all modules."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_every_check_is_there_and_right(counts, short_collections, tmp_path, capsys):
    machine, found = Machine(quick=True, options=["--pretended"]), {}
    book = Book(tmp_path, gpu_check.described(torch))
    for module in WITH_A_LIMIT:
        for name, check in gpu_check.checks_of(module).items():
            for line in gpu_check.done(machine, name, check):
                book.add(line)
                assert line.ok, (line.cells(), line.failed)
                found[module] = found.get(module, 0) + (line.limit == line.limit)
    assert found == WITH_A_LIMIT
    assert len(rows(tmp_path)) == len(book.lines)
    written = json.loads((tmp_path / "gpu_check.json").read_text())
    assert written["environment"]["gpu"] == "pretended GPU" and len(written["lines"]) == len(book.lines)
    said = capsys.readouterr().out
    assert "NO" not in said.split() and "GPU = GpuRate(" in said
    # Here the processor stands in for the GPU, so the bits are the same.
    exact = ("masks: bits", "masks: applied", "masks: in replays", "same bits", "equation", "objective")
    assert all(float(row["difference"]) == 0 for row in rows(tmp_path) if row["check"].startswith(exact))


def test_what_fails_is_a_line_and_the_others_go_on(counts, tmp_path, monkeypatch, capsys):
    def broken(_machine):
        raise ValueError("no such thing\nand advice")

    lines = {"first": broken, "second": lambda _: Line("second", 2.0, 1.0), "third": lambda _: Line("third", 1.0, 1.0)}
    monkeypatch.setattr(gpu_check, "checks_of", lambda _module: lines)
    monkeypatch.setattr(gpu_check, "_as_in_a_job", lambda _torch: None)
    assert gpu_check.main(["masks", "--quick", "--output", str(tmp_path)]) == 1
    assert [(row["check"], row["failed"], row["ok"]) for row in rows(tmp_path)] == [
        ("first", "ValueError: no such thing", "False"),
        ("second", "", "False"),
        ("third", "", "True"),
    ]
    del lines["first"], lines["second"]
    assert gpu_check.main(["masks", "--quick", "--output", str(tmp_path)]) == 0
    assert gpu_check.main(["masks", "--quick", "--minutes", "0", "--output", str(tmp_path)]) == 1
    assert "not begun within 0 minutes" in capsys.readouterr().out


def test_without_a_gpu_it_says_so(capsys):
    assert gpu_check.main(["limits"]) == 1
    assert (
        capsys.readouterr().out
        == "There is no GPU here that torch sees: gpu-check needs one, and a CUDA build of torch.\n"
    )


def test_wrong_masks_are_noticed(counts, monkeypatch):
    """A generator that is one output late on the device."""
    drawn = MaskStream._drawn
    monkeypatch.setattr(
        MaskStream, "_drawn", lambda stream, draw, keep, start, *rest: drawn(stream, draw, keep, start + 1, *rest)
    )
    machine = Machine(quick=True)
    for name, check in gpu_check.checks_of("masks").items():
        if "bits" in name or "applied" in name or "replays" in name:
            assert not check(machine).ok, name
    assert STREAM.kept(0, 0.5, 0, 2, 4).shape == (2, 4)


def test_differences():
    one = {"a": torch.tensor([1.0, float("nan")]), "b": [torch.tensor([2, 3])]}
    assert different_bits(one, one) == 0
    assert different_bits(one, {"a": torch.tensor([1.0, 0.0]), "b": [torch.tensor([2, 4])]}) == 2
    assert relative(torch.tensor([3.0]), torch.tensor([2.0]), torch.tensor([1.0])) == 1
    assert not Line("undefined", float("nan"), 1.0).ok and Line("a time").ok and not Line("one", failed="why").ok


def test_rates_are_found_again():
    """From works whose times follow from rates that are ten times as slow as the first guess."""
    slow = replace(GPU, flops=dict.fromkeys(GPU.flops, 4e12), bytes=4e11, call=8e-5, replay=1.5e-5)
    sizes = [(1e12, 1e9, 10, False), (2e9, 5e11, 10, False), (1e6, 1e6, 500, False), (1e6, 1e6, 800, True)]
    works = [Work("one", 1.0, *size[:3], replayed=size[3]) for size in sizes]
    works = [replace(work, seconds=foreseen(work, slow)) for work in works]
    found = fitted(works, measured_rate({"float32": 4e13, "memory": 4e12, "launch": 8e-6, "replay": 1.5e-6}, 1e11))
    assert all(foreseen(work, found) == pytest.approx(work.seconds, rel=0.2) for work in works)
    assert found.memory == 1e11 and found.eigen == GPU.eigen


def test_tables_are_compared_column_by_column():
    table = pd.DataFrame({"what": ["a", "b"], "left": [1.0, 2.0], "width": [3.0, float("nan")], "step": [0, 5]})
    assert apart(table, table) == (0, "")
    moved = table.assign(left=[2.0, 1.0], width=[3.3, float("nan")])
    assert apart(moved, table) == (pytest.approx(0.1), "most in width")
    assert apart(table.assign(width=[3.0, 1.0]), table)[0] == float("inf")
    assert apart(table.iloc[:1], table)[0] == float("inf")


def test_a_step_that_cannot_be_captured_is_a_failure(counts):
    run = Replayed._capture
    assert all(line.ok for line in gpu_check.done(Machine(quick=True), "steps", lambda _: _replay(lambda: None)))
    waits = torch.ones(1, device="cuda")
    found = gpu_check.done(Machine(quick=True), "steps", lambda _: _replay(waits.item))
    assert [line.failed for line in found] == ["", "a step could not be captured as a graph"]
    assert Replayed._capture is run


def _replay(step):
    replayed = Replayed(step, "cuda")
    for _ in range(5):
        replayed()
    return Line("steps")
