import errno
import fcntl
import os
import subprocess
import sys

import pandas as pd
import pytest
import torch
from filelock import FileLock
from threadpoolctl import threadpool_info

from dropscape.artifacts.files import write_table
from dropscape.errors import ArtifactError, DataError
from dropscape.jobs import Job, perform, reported


@pytest.fixture(autouse=True)
def torch_as_it_was():
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = True


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "stage" / "run.log"


def test_progress_goes_to_the_terminal_and_to_the_log(log, capsys):
    with reported("training a/b", str(log)):
        print("step 1/2", file=sys.stderr)
    assert log.read_text() == "step 1/2\n"
    assert capsys.readouterr().err == "step 1/2\n"


def test_an_error_to_act_on_is_one_sentence_without_traceback(log, capsys):
    terminal = sys.stderr
    with pytest.raises(SystemExit) as stopped, reported("data mnist", str(log)):
        raise DataError("The folder 'x' does not exist; write another.")
    assert stopped.value.code == 1
    assert log.read_text() == "dropscape: data mnist stopped. The folder 'x' does not exist; write another.\n"
    assert capsys.readouterr().err == log.read_text()
    assert sys.stderr is terminal


def test_any_other_error_leaves_its_traceback_and_names_the_log(log, capsys):
    terminal = sys.stderr
    with pytest.raises(SystemExit) as stopped, reported("flatness a/b", str(log)):
        raise ZeroDivisionError("a defect")
    assert stopped.value.code == 1
    said = log.read_text()
    assert "Traceback" in said
    assert "ZeroDivisionError: a defect" in said
    assert f"the traceback is in {log}" in said.splitlines()[-1]
    assert "run the same command again" in said.splitlines()[-1]
    assert capsys.readouterr().err == said
    assert sys.stderr is terminal


def test_an_interrupt_is_passed_on(log):
    with pytest.raises(KeyboardInterrupt), reported("training a/b", str(log)):
        raise KeyboardInterrupt
    assert log.read_text() == ""


def test_a_new_attempt_starts_a_new_log(log):
    for number in (1, 2):
        with reported("training a/b", str(log)):
            print(f"attempt {number}", file=sys.stderr)
    assert log.read_text() == "attempt 2\n"


def test_the_same_job_elsewhere_is_waited_for_and_its_log_is_left_alone(log):
    """As on a cluster, when the workflow that submitted it was killed and started again."""
    log.parent.mkdir(parents=True)
    log.write_text("step 1/2\n")
    with FileLock(log.with_name(f".{log.name}.lock")):
        code = (
            "from dropscape.jobs import reported\n"
            f"with reported('training a/b', {str(log)!r}): print('at work', flush=True)"
        )
        second = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        said = second.stderr.readline()
        assert said.startswith("dropscape: training a/b is still at work elsewhere; this job waits")
        assert str(log) in said
        assert second.poll() is None
        assert log.read_text() == "step 1/2\n"
    assert second.communicate()[0] == "at work\n"
    assert second.returncode == 0
    assert log.read_text() == ""


def test_threads_limit_every_numerical_library(log):
    with reported("training a/b", str(log), threads=1):
        assert torch.get_num_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert torch.are_deterministic_algorithms_enabled()


def test_where_files_cannot_be_locked_a_job_goes_on(log, monkeypatch):
    """As on a Lustre file system without flock. A marker file would outlive a killed job."""

    def flock(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    for _ in range(2):
        with reported("training a/b", str(log)):
            print("at work", file=sys.stderr)
    assert log.read_text() == "at work\n"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: out of memory"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    ("rule", "settings", "first"),
    [("training", {"micro_batch": 256}, "a smaller training.micro_batch, a smaller"), ("curvature", {}, "a smaller")],
)
def test_a_gpu_without_enough_memory_is_one_sentence(log, capsys, monkeypatch, error, rule, settings, first):
    def stage(job):
        raise error

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**30, 2**35))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 20 * 2**30)
    with pytest.raises(SystemExit), reported(f"{rule} a/b", str(log)):
        perform(stage, Job(rule, "a/b", settings, {}, {}))
    assert capsys.readouterr().err == (
        f"dropscape: {rule} a/b stopped. The GPU has not enough memory: of 32.0 GiB this job held 20.0 at most, and "
        f"1.0 are free; write {first} gpu_slots, so that fewer jobs share it, or device: cpu.\n"
    )


def test_a_gpu_that_does_not_answer_any_more_is_one_sentence_too(log, capsys):
    def stage(job):
        raise torch.OutOfMemoryError

    with pytest.raises(SystemExit), reported("training a/b", str(log)):
        perform(stage, Job("training", "a/b", {}, {}, {}))
    assert "stopped. The GPU has not enough memory; write a smaller gpu_slots" in capsys.readouterr().err


def test_any_other_error_of_a_stage_is_not_taken_for_one(log):
    def stage(job):
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        perform(stage, Job("training", "a/b", {}, {}, {}))


def test_a_job_with_a_gpu_has_deterministic_products_and_fills_no_memory_that_it_then_writes(log, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    for gpu, workspace in ((None, None), ((1, 0), ":4096:8")):
        with reported("training a/b", str(log), gpu=gpu):
            assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == workspace
            assert torch.utils.deterministic.fill_uninitialized_memory == (gpu is None)


def test_checkpoints_stay_until_the_record_is_written(tmp_path):
    """Snakemake deletes what a job wrote that is killed before its end; then they are all that is left."""
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    outputs = {"provenance": str(tmp_path / "taken" / "provenance.json")}
    (tmp_path / "taken").write_text("no folder")
    with pytest.raises(ArtifactError):
        perform(lambda job: None, Job("training", "a/b", {}, {}, outputs, checkpoints))
    assert checkpoints.exists()
    perform(lambda job: None, Job("training", "a/b", {}, {}, {"provenance": str(tmp_path / "p.json")}, checkpoints))
    assert not checkpoints.exists()


def test_a_line_is_written_at_once_also_when_it_comes_in_pieces(log, monkeypatch):
    """Else a line of a job that runs beside it gets into the middle."""
    written = []

    class Terminal:
        def write(self, text):
            written.append(text)

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stderr", Terminal())
    with reported("training a/b", str(log)):
        print("step", 1, "of", 2, file=sys.stderr)
        sys.stderr.write("half a ")
        sys.stderr.flush()
        sys.stderr.write("line\nand the next")
    assert written == ["step 1 of 2\n", "half a line\n", "and the next\n"]
    assert log.read_text() == "".join(written)


def test_float32_is_float32_on_a_gpu_too(log):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    with reported("sampling a/b", str(log)):
        assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_every_input_is_verified_also_one_that_the_stage_does_not_read(tmp_path):
    table = tmp_path / "history.csv"
    write_table(table, pd.DataFrame({"step": [1, 2]}))
    ran = []
    job = Job("claims", "a", {}, {"tables": [str(table)], "code": str(tmp_path / "missing.sha256")}, {})
    perform(ran.append, job)
    table.write_text("step\n1\n")
    with pytest.raises(ArtifactError, match=r"history\.csv is damaged \(its checksum is not that in"):
        perform(ran.append, job)
    assert len(ran) == 1


def test_the_theory_has_loaded_torch_before_its_threads_are_set():
    code = "import sys, dropscape.theory.stage; sys.exit('torch' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_job_does_not_wait_for_torchs_compiler(log):
    """It takes longer to load than many jobs run; the operations are deterministic all the same."""
    code = f"""
import sys
import torch
from dropscape.jobs import reported
from dropscape.numerics.products import FastProducts
with reported("a job", {str(log)!r}), FastProducts():
    torch.nn.functional.linear(torch.randn(300, 200), torch.randn(100, 200))
    assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
assert "torch._dynamo" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
