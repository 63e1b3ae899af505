"""Artifacts are whole or absent, read back exactly, and say what is wrong with them."""

import json
import math
import resource
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from dropscape.artifacts.files import (
    atomic_write,
    canonical_json,
    checksum_file,
    digest,
    join_tables,
    read_json,
    read_table,
    write_json,
    write_table,
)
from dropscape.artifacts.tensors import read_tensors, write_tensors
from dropscape.errors import ArtifactError


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new/folder/file.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent, "only a rename within one folder is atomic"
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert contents(path.parent) == ["file.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write()
    assert path.read_text() == "old"
    assert contents(tmp_path) == ["file.txt"]


def test_tensors_and_metadata_come_back_exactly(tmp_path):
    tensors = {
        "b": torch.tensor([[1.0, -0.0], [math.inf, math.nan]]),
        "a/with.name": torch.arange(6).reshape(2, 3).T,
        "half": torch.rand(4, 6, dtype=torch.float64)[:, ::2],
        "empty": torch.zeros(2, 0, 3),
        "mask": torch.tensor([True, False]),
    }
    metadata = {"nested": {"list": [1, 2.5, None, "ü"]}, "steps": [0, 3]}
    write_tensors(tmp_path / "t.safetensors", tensors, metadata)
    read, described = read_tensors(tmp_path / "t.safetensors")
    assert described == metadata
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype and read[name].shape == tensor.shape
        # Bits, so that NaN and the sign of zero count.
        assert read[name].numpy().tobytes() == tensor.contiguous().numpy().tobytes()


def test_some_tensors_are_read_by_name(tmp_path):
    write_tensors(tmp_path / "t.safetensors", {"a": torch.ones(2), "b": torch.zeros(3), "c": torch.rand(1)}, {"x": 1})
    read, described = read_tensors(tmp_path / "t.safetensors", ["b", "absent", "a"])
    assert described == {"x": 1} and set(read) == {"a", "b"} and torch.equal(read["a"], torch.ones(2))


def test_equal_content_gives_equal_bytes(tmp_path):
    one, two = torch.rand(3), torch.rand(2)
    write_tensors(tmp_path / "1", {"a": one, "b": two}, {"x": 1, "y": [2]})
    write_tensors(tmp_path / "2", {"b": two.clone(), "a": one.clone()}, {"y": [2], "x": 1})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_others_may_read_tensors_as_they_may_read_tables(tmp_path):
    write_tensors(tmp_path / "t.safetensors", {}, {})
    write_table(tmp_path / "t.csv", pd.DataFrame({"a": [1]}))
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_no_tensors_is_a_file_too(tmp_path):
    write_tensors(tmp_path / "none", {}, {"why": "nothing recorded"})
    assert read_tensors(tmp_path / "none") == ({}, {"why": "nothing recorded"})


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_floats_of_a_table_come_back_exactly(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    table = pd.DataFrame({"index": range(len(values)), "value": values, "name": "a, b"})
    write_table(path, table)
    read = read_table(path)
    assert list(read.columns) == ["index", "value", "name"]
    assert read["index"].tolist() == list(range(len(values)))
    assert set(read["name"]) == {"a, b"}
    np.testing.assert_array_equal(read["value"].to_numpy(dtype=float), np.array(values))


def test_tables_are_joined_in_their_order(tmp_path):
    tables = [pd.DataFrame({"step": [2, 1], "loss": [0.1, math.nan]}), pd.DataFrame({"step": [0], "loss": [1 / 3]})]
    for number, table in enumerate(tables):
        write_table(tmp_path / str(number), table)
    join_tables([tmp_path / "1", tmp_path / "0"], tmp_path / "all")
    joined = read_table(tmp_path / "all")
    assert joined["step"].tolist() == [0, 2, 1]
    assert joined["loss"].tolist()[:2] == [1 / 3, 0.1] and math.isnan(joined["loss"][2])
    with pytest.raises(ArtifactError, match="2 does not exist"):
        join_tables([tmp_path / "0", tmp_path / "2"], tmp_path / "all")


def test_truth_values_of_a_table_come_back(tmp_path):
    write_table(tmp_path / "t.csv", pd.DataFrame({"zero": [True, False]}))
    assert read_table(tmp_path / "t.csv")["zero"].tolist() == [True, False]


def test_json_comes_back_and_has_no_nan(tmp_path):
    content = {"ü": [1, 2.5, None, {"deep": "Σ̄"}]}
    write_json(tmp_path / "x.json", content)
    assert read_json(tmp_path / "x.json") == content
    assert "ü" in (tmp_path / "x.json").read_text(), "readable, not escaped"
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "y.json", {"loss": math.nan})
    assert contents(tmp_path) == ["x.json"]


READERS = {
    "safetensors": (read_tensors, lambda path: write_tensors(path, {"a": torch.rand(100)}, {"b": 1})),
    "csv": (read_table, lambda path: write_table(path, pd.DataFrame({"a": [1.0]}))),
    "json": (read_json, lambda path: write_json(path, {"a": [1, 2]})),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_missing_file_is_named_with_what_to_do(tmp_path, kind):
    with pytest.raises(ArtifactError, match=rf"gone\.{kind} does not exist: run the same command again"):
        READERS[kind][0](tmp_path / f"gone.{kind}")


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage"])
@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, kind, damage):
    read, write = READERS[kind]
    path = tmp_path / f"x.{kind}"
    write(path)
    whole = path.read_bytes()
    damaged = {"truncated": whole[: len(whole) // 2], "empty": b"", "garbage": b"\xff\xfe\x00," * 10}[damage]
    path.write_bytes(damaged)
    with pytest.raises(ArtifactError, match=r"is damaged \(.+\): delete it and run the same command again") as error:
        read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_digest_changes_with_content_files_and_nothing_else(tmp_path):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    for path, text in ((one, "1"), (two, "2")):
        (tmp_path / path).write_text(text)
    base = digest({"a": 1, "b": 2}, [one, two])
    assert len(base) == 64 and int(base, 16) >= 0
    assert base == digest({"b": 2, "a": 1}, [one, two])
    others = [digest({"a": 1, "b": 3}, [one, two]), digest({"a": 1, "b": 2}, [two, one]), digest({"a": 1, "b": 2})]
    (tmp_path / "two").write_text("3")
    others.append(digest({"a": 1, "b": 2}, [one, two]))
    assert len({base, *others}) == 5


def test_canonical_json_is_one_text_for_equal_content():
    assert canonical_json({"b": [1, {"d": 2, "c": 3}], "a": None}) == '{"a":null,"b":[1,{"c":3,"d":2}]}'
    assert json.loads(canonical_json({"x": 1e-300})) == {"x": 1e-300}


def test_a_single_changed_bit_of_a_tensor_is_noticed(tmp_path):
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"a": torch.rand(3), "b": torch.tensor(1.5, dtype=torch.float64), "none": torch.zeros(0)}, {})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    # Safetensors puts the larger type first, so the last byte belongs to "a".
    with pytest.raises(ArtifactError, match=r"is damaged \(the checksum of its 'a' is wrong\): delete it and run"):
        read_tensors(path)
    assert read_tensors(path, ["b"])[0] == {"b": torch.tensor(1.5, dtype=torch.float64)}


def test_a_changed_digit_or_a_missing_line_of_a_table_is_noticed(tmp_path):
    path = tmp_path / "t.csv"
    write_table(path, pd.DataFrame({"step": [1, 2, 3], "loss": [0.25, 0.5, 0.75]}))
    whole = path.read_text()
    for damaged in (whole.replace("0.75", "0.74"), whole[: whole.index("3,")]):
        path.write_text(damaged)
        with pytest.raises(ArtifactError, match=r"t\.csv is damaged \(its checksum is not that in \.t\.csv\.sha256"):
            read_table(path)
    path.unlink()
    write_table(path, pd.DataFrame({"step": [4]}))
    assert read_table(path)["step"].tolist() == [4], "not held against what was there before"


def test_a_table_that_was_copied_alone_is_read_and_others_can_check_one_too(tmp_path):
    write_table(tmp_path / "t.csv", pd.DataFrame({"step": [1, 2]}))
    subprocess.run(["sha256sum", "--check", checksum_file("t.csv")], cwd=tmp_path, check=True)
    (tmp_path / "alone.csv").write_text((tmp_path / "t.csv").read_text())
    assert read_table(tmp_path / "alone.csv")["step"].tolist() == [1, 2]


def test_tensors_of_a_version_without_checksums_are_not_read(tmp_path):
    path = tmp_path / "t.safetensors"
    save_file({"a": torch.ones(2)}, path, metadata={"dropscape": "{}"})
    with pytest.raises(ArtifactError, match=r"no checksums: another version of dropscape wrote it\): delete it"):
        read_tensors(path)


WRITERS = {
    "safetensors": lambda path: write_tensors(path, {"a": torch.rand(5000)}, {}),
    "csv": lambda path: write_table(path, pd.DataFrame({"a": np.arange(5000)})),
    "json": lambda path: write_json(path, list(range(5000))),
}


@pytest.fixture
def small_files():
    """No file may grow beyond a kilobyte; the kernel then refuses as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(kind, path, reason):
    """Writing over ``path`` is refused for that reason, and changes nothing."""
    before = contents(path.parent)
    said = rf"could not be written \(.*{reason}.*\): make room, or give yourself .* run the same command"
    with pytest.raises(ArtifactError, match=said):
        WRITERS[kind](path)
    assert path.read_text() == "old"
    assert contents(path.parent) == before


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_may_not_grow_leaves_the_old_one_and_says_what_to_do(tmp_path, small_files, kind):
    path = tmp_path / f"x.{kind}"
    path.write_text("old")
    refused(kind, path, "File too large")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_and_a_read_only_disk_leave_the_old_file_and_say_what_to_do(disk, kind):
    path = disk.folder / f"x.{kind}"
    path.write_text("old")
    disk.leave(8000)
    refused(kind, path, "No space left on device")
    disk.make_read_only()
    refused(kind, path, "Read-only file system")


def test_a_table_that_found_no_room_leaves_the_old_one_with_its_checksum(disk):
    path = disk.folder / "t.csv"
    write_table(path, pd.DataFrame({"step": [1]}))
    disk.leave(4096)
    (disk.folder / "taken").write_text("x")  # the only page that was left
    with pytest.raises(ArtifactError, match="No space left on device"):
        write_table(path, pd.DataFrame({"step": [2]}))
    assert read_table(path)["step"].tolist() == [1]
    assert checksum_file(path).exists()


@pytest.mark.parametrize("interrupted_at", [1, 2])
def test_a_table_is_never_beside_the_checksum_of_another(tmp_path, monkeypatch, interrupted_at):
    path = tmp_path / "t.csv"
    write_table(path, pd.DataFrame({"step": [1]}))
    calls = iter(range(1, 3))
    replace = Path.replace

    def killed(self, target):
        if next(calls) == interrupted_at:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_table(path, pd.DataFrame({"step": [2]}))
    assert read_table(path)["step"].tolist() == [interrupted_at]
    assert contents(tmp_path) == ["t.csv"]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_folder_that_cannot_be_written_is_named(tmp_path, kind):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ArtifactError, match=rf"taken/x\.{kind} could not be written \((Not a directory|File exists)\)"):
        WRITERS[kind](tmp_path / "taken" / f"x.{kind}")
