"""GPUs are shared out among the jobs of a machine; those here are names only, which is all that the sharing sees."""

import math
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import Timeout

from dropscape import gpus
from dropscape.gpus import gpu_share, held_share, visible_gpus
from dropscape.jobs import reported
from dropscape.kernel_lock import kernel_lock

# What a job does: it takes slots of a GPU, says which, and keeps them while its marker exists, or until it is killed.
JOB = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from dropscape.gpus import gpu_share
with gpu_share(int(sys.argv[2]), float(sys.argv[3])):
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    while Path(sys.argv[1]).exists():
        time.sleep(0.02)
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Replace the driver's program that lists GPUs, and the folder of temporary files."""

    def install(*uuids: str, memory: str = "40000") -> None:
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        lines = "".join(f"{number}, {uuid}, {memory}\\n" for number, uuid in enumerate(uuids))
        program.write_text(f"#!/bin/sh\nprintf '{lines}'\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(gpus.tempfile, "tempdir", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return install


class TestVisible:
    @pytest.mark.parametrize(
        ("allowed", "expected"),
        [
            (None, ["GPU-a", "GPU-b", "GPU-c"]),
            ("2,0", ["GPU-c", "GPU-a"]),
            ("GPU-b", ["GPU-b"]),
            ("MIG-x", ["MIG-x"]),
            ("", []),
            ("-1", []),
        ],
    )
    def test_every_gpu_has_the_name_that_all_processes_know(self, driver, monkeypatch, allowed, expected):
        driver("GPU-a", "GPU-b", "GPU-c")
        if allowed is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
        assert list(visible_gpus()) == expected

    @pytest.mark.parametrize(("said", "memory"), [("81559", 81559), ("[N/A]", math.inf)])
    def test_a_gpu_says_how_much_memory_it_has_if_the_driver_does(self, driver, monkeypatch, said, memory):
        driver("GPU-a", memory=said)
        assert visible_gpus() == {"GPU-a": memory}
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,MIG-x")
        assert visible_gpus() == {"GPU-a": memory, "MIG-x": math.inf}

    def test_a_scheduler_that_renumbers_gpus_gives_two_jobs_two_names(self, driver, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
        driver("GPU-a")
        first = visible_gpus()
        driver("GPU-b")
        assert first != visible_gpus()

    def test_without_a_driver_the_names_stand_as_they_are(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, 1")
        assert list(visible_gpus()) == ["0", "1"]
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        assert visible_gpus() == {}


class TestSharing:
    def start(self, marker, slots=1, mega_bytes=0):
        marker.touch()
        command = [sys.executable, "-c", JOB, marker, str(slots), str(mega_bytes)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @pytest.fixture
    def started(self):
        processes = []
        yield processes
        for process in processes:
            process.kill()
            process.wait()

    def test_two_jobs_have_two_gpus_and_a_third_waits_for_the_one_that_is_freed(
        self, driver, started, tmp_path, monkeypatch, capsys
    ):
        driver("GPU-a", "GPU-b")
        markers = [tmp_path / str(number) for number in range(2)]
        started += [self.start(marker) for marker in markers]
        held = [process.stdout.readline().strip() for process in started]
        assert sorted(held) == ["GPU-a", "GPU-b"]

        def end_the_second_job(seconds):
            markers[1].unlink(missing_ok=True)
            time.sleep(0.02)

        monkeypatch.setattr(gpus, "time", SimpleNamespace(sleep=end_the_second_job))
        with gpu_share():
            assert os.environ["CUDA_VISIBLE_DEVICES"] == held[1]
            assert started[0].poll() is None
        assert "Other jobs hold every GPU here (2)" in capsys.readouterr().err
        assert "CUDA_VISIBLE_DEVICES" not in os.environ

    def test_jobs_share_a_gpu_and_one_that_needs_its_memory_has_it_for_itself(self, driver, started, tmp_path):
        driver("GPU-a")
        markers = [tmp_path / str(number) for number in range(4)]
        started += [self.start(marker, slots=2, mega_bytes=20000) for marker in markers[:2]]
        assert [process.stdout.readline().strip() for process in started] == ["GPU-a"] * 2
        # Of 40,000 MB 20,001 are more than one of two slots; what asks later and for less does not overtake it.
        started.append(self.start(markers[2], slots=2, mega_bytes=20001))
        assert "Other jobs hold every GPU here (1)" in started[2].stderr.readline()
        markers[0].unlink()
        started[0].wait()
        while not (self.is_held(tmp_path, "GPU-a.entry") and self.is_held(tmp_path, "GPU-a.0")):
            time.sleep(0.02)
        started.append(self.start(markers[3], slots=2, mega_bytes=1))
        assert "Other jobs hold every GPU here (1)" in started[3].stderr.readline()
        markers[1].unlink()
        assert started[2].stdout.readline().strip() == "GPU-a"
        assert all(self.is_held(tmp_path, f"GPU-a.{slot}") for slot in range(2))
        markers[2].unlink()
        assert started[3].stdout.readline().strip() == "GPU-a"

    def is_held(self, folder, name):
        lock = kernel_lock(folder / f"dropscape-gpus-{os.getuid()}" / name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def test_a_job_of_much_memory_takes_the_gpu_that_has_enough_slots_free(self, tmp_path):
        gpus = {"a": 40000, "b": 40000}
        one, four, three = (held_share(gpus, tmp_path, 4, mega_bytes) for mega_bytes in (0, 40000, 30000))
        with one as first, four as second, three as third:
            assert (first, second, third) == ("a", "b", "a")

    def test_a_killed_job_leaves_no_gpu_taken(self, driver, started, tmp_path):
        driver("GPU-a")
        started.append(self.start(tmp_path / "marker"))
        assert started[0].stdout.readline().strip() == "GPU-a"
        started[0].send_signal(signal.SIGKILL)
        started[0].wait()
        with gpu_share():
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-a"

    def test_a_job_that_fails_gives_its_gpu_back(self, tmp_path):
        with pytest.raises(ZeroDivisionError), held_share({"0": math.inf}, tmp_path):
            raise ZeroDivisionError
        with held_share({"0": math.inf}, tmp_path) as gpu:
            assert gpu == "0"

    def test_only_a_job_that_asks_for_one_takes_one(self, driver, tmp_path):
        driver("GPU-a")
        log = str(tmp_path / "log")
        with reported("training a/b", log, 1, gpu=(1, 0)):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-a"
        with reported("curvature a/b", log, 1, gpu=None):
            assert "CUDA_VISIBLE_DEVICES" not in os.environ
        assert Path(log).read_text() == ""

    def test_where_there_is_none_a_job_goes_on_without(self, driver):
        driver()
        with gpu_share():
            assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_jobs_spread_over_the_gpus(tmp_path):
    """Six jobs that need one slot each of three GPUs with four."""
    memory = dict.fromkeys("ABC", math.inf)
    with ExitStack() as held:
        taken = [held.enter_context(held_share(memory, tmp_path, slots=4)) for _ in range(6)]
    assert sorted(taken) == list("AABBCC")
