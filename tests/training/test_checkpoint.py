"""Checkpoints of an unfinished training: saved whole, or not at all."""

import pytest
import torch

from dropscape.artifacts import provenance
from dropscape.artifacts.files import digest
from dropscape.jobs import Job
from dropscape.training import checkpoint
from dropscape.training.checkpoint import Checkpoint, Checkpoints


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints/key.safetensors"


def test_there_is_no_state_before_one_is_saved(path):
    assert Checkpoint(path, 1).load() is None


def test_the_newest_state_comes_back(path):
    state = Checkpoint(path, 1)
    state.save({"a": torch.zeros(2)}, {"step": 1})
    state.save({"a": torch.ones(2)}, {"step": 2, "rows": [[None, 0.1]]})
    tensors, values = Checkpoint(path, 1).load()
    assert torch.equal(tensors["a"], torch.ones(2))
    assert values == {"step": 2, "rows": [[None, 0.1]]}


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"x" * 99])
def test_a_damaged_state_is_deleted(path, damage):
    Checkpoint(path, 1).save({"a": torch.zeros(50)}, {"step": 1})
    path.write_bytes(damage(path.read_bytes()))
    state = Checkpoint(path, 1)
    assert state.load() is None
    assert not path.exists(), "it would be read again"
    state.save({"a": torch.zeros(2)}, {"step": 3})
    assert state.load()[1] == {"step": 3}


def test_a_state_is_due_every_so_many_seconds(path, monkeypatch):
    now = [50.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    state = Checkpoint(path, 30)
    assert not state.due()
    now[0] += 30
    assert state.due()
    state.save({}, {})
    assert not state.due()
    now[0] += 29.9
    assert not state.due()


def test_rows_of_finished_pieces_come_from_the_state_bit_for_bit_and_the_others_are_computed(path):
    computed = []

    def piece(number):
        computed.append(number)
        if number == 2 and computed.count(2) == 1:
            raise KeyboardInterrupt
        return [{"step": number, "gap": number / 3, "left": float("nan")}]

    pieces = [lambda number=number: piece(number) for number in range(4)]
    with pytest.raises(KeyboardInterrupt):
        Checkpoint(path, 0).rows(pieces)
    resumed = Checkpoint(path, 0).rows(pieces)
    assert computed == [0, 1, 2, 2, 3]
    assert [row["gap"] for row in resumed] == [number / 3 for number in range(4)]
    assert repr(resumed) == repr(Checkpoint(path.with_name("other.safetensors"), 0).rows(pieces))


def test_another_gpu_or_driver_does_not_go_on_from_a_state_and_the_processor_knows_of_none(gpu, tmp_path, monkeypatch):
    job = Job("training", "run", {"seeds": [0]}, {}, {}, tmp_path)

    def path(device):
        return Checkpoints(job, None, device).named("a").path.name

    first, processor = path("cuda"), path("cpu")
    assert first == path("cuda") != processor
    provenance.DRIVER.write_text("571.0\n")
    second = path("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "another GPU")
    assert len({first, second, path("cuda")}) == 3
    assert path("cpu") == processor
    key = [{"seeds": [0]}, None, "cpu", torch.__version__, torch.get_num_threads()]
    assert processor == f"{digest(key, [])}-a.safetensors"


def test_checkpoints_need_a_folder_since_they_delete_it():
    with pytest.raises(ValueError, match="give it one"):
        Checkpoints(Job("training", "run", {}, {}, {}), None, "cpu")
