"""A job of the workflow: what it is given, its log, its threads, its GPU, its record and how it says that it failed."""

import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from filelock import Timeout
from threadpoolctl import threadpool_limits

from dropscape.artifacts.files import verify, write_json
from dropscape.artifacts.provenance import provenance
from dropscape.errors import DeviceError, DropscapeError
from dropscape.gpus import gpu_share
from dropscape.kernel_lock import kernel_lock
from dropscape.parent_watchdog import end_without_workflow


@dataclass(frozen=True)
class Job:
    """What a stage is given.

    Attributes:
        rule: the rule of the workflow.
        name: of what the job is, such as ``mnist_fnn/keep0.9``, for progress lines.
        settings: everything that decides the result.
        inputs: path of each input by its name; a list where it has several.
        outputs: path of each output by its name.
        checkpoints: folder of unfinished work; the workflow does not know it and so does not delete it.
        checkpoint_seconds: how often such a state is saved.
    """

    rule: str
    name: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, str]
    checkpoints: Path | None = None
    checkpoint_seconds: float = 30.0
    _records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def code(self) -> list[str]:
        """The files that say which code runs: the manifest of the library's modules, and the user's own."""
        return [self.inputs["code"], *self.inputs.get("custom_code", [])] if "code" in self.inputs else []

    def provenance(self, data: Any = None, device: str = "cpu") -> dict[str, Any]:
        """The record of what made the results; it is also written to the output ``provenance``.

        Args:
            data: description of the data that they come from.
            device: where they were computed.
        """
        self._records.append(provenance(self.rule.partition("_")[0], self.settings, data, device))
        return self._records[-1]


def run(stage: Callable[[Job], None], snakemake: Any) -> None:
    """Run a stage as the job that Snakemake started.

    Args:
        stage: reads the job's inputs and writes its outputs.
        snakemake: the object that Snakemake gives to a script.
    """
    wildcards = [str(value) for value in snakemake.wildcards]
    # RESULTS/logs/<rule>/<wildcards>.log; in a workflow that has this one as a module, rules have other names.
    folder = Path(snakemake.log[0]).parents[max(len(wildcards), 1) - 1]
    results, rule = folder.parents[1], folder.name
    job = Job(
        rule=rule,
        name="/".join(wildcards),
        settings=snakemake.params.get("settings", {}),
        inputs=dict(snakemake.input.items()),
        outputs=dict(snakemake.output.items()),
        checkpoints=results.joinpath(".checkpoints", rule, *wildcards),
        checkpoint_seconds=snakemake.resources.get("checkpoint_ms", 30_000) / 1000,
    )
    resources = snakemake.resources
    gpu = (resources.get("gpu_slots", 1), resources.get("gpu_mega_bytes", 0)) if resources.get("gpu", 0) else None
    with reported(f"{job.rule} {job.name}".strip(), snakemake.log[0], snakemake.threads, gpu):
        perform(stage, job)


def perform(stage: Callable[[Job], None], job: Job) -> None:
    """Verify the inputs, run a stage, write its record, then delete its checkpoints.

    In this order: Snakemake deletes what a job wrote if it is killed before its end, and then the checkpoints are all
    that is left. Inputs are verified also where the stage reads a part of them, or none.
    """
    for given in job.inputs.values():
        for path in [given] if isinstance(given, str) else given:
            verify(path)
    try:
        stage(job)
    except RuntimeError as error:
        # torch.OutOfMemoryError, or that of a library that finds no memory for its work space.
        if not any(
            sign in f"{type(error).__name__} {error}" for sign in ("OutOfMemory", "out of memory", "ALLOC_FAILED")
        ):
            raise
        raise DeviceError(_out_of_memory(job)) from None
    if "provenance" in job.outputs:
        write_json(job.outputs["provenance"], job._records[-1] if job._records else job.provenance())
    if job.checkpoints:
        shutil.rmtree(job.checkpoints, ignore_errors=True)


def _out_of_memory(job: Job) -> str:
    said = "The GPU has not enough memory"
    with suppress(Exception):  # the device may not answer any more
        cuda = sys.modules["torch"].cuda
        free, total, held = (size / 2**30 for size in (*cuda.mem_get_info(), cuda.max_memory_reserved()))
        said += f": of {total:.1f} GiB this job held {held:.1f} at most, and {free:.1f} are free"
    smaller = "a smaller training.micro_batch, " if "micro_batch" in job.settings else ""
    return f"{said}; write {smaller}a smaller gpu_slots, so that fewer jobs share it, or device: cpu."


class _Tee:
    """Writes to several streams, so that progress is seen on the terminal and kept in the log.

    Whole lines in one write, so that a line of a job that runs beside it does not get into the middle of one. A stream
    that cannot be written, a log on a full disk or a terminal that was closed, does not keep the other from it.
    """

    def __init__(self, *streams: TextIO):
        self._streams = streams
        self._line = ""

    def write(self, text: str) -> int:
        lines, newline, self._line = (self._line + text).rpartition("\n")
        if newline:
            self._put(lines + newline)
        return len(text)

    def flush(self) -> None:
        """Do nothing: every whole line is written at once."""

    def close(self) -> None:
        """Write what is left without an end of line."""
        if self._line:
            self.write("\n")

    def _put(self, text: str) -> None:
        for stream in self._streams:
            with suppress(OSError):
                stream.write(text)
                stream.flush()


@contextmanager
def reported(name: str, log: str, threads: int = 1, gpu: tuple[int, float] | None = None) -> Iterator[None]:
    """Run the body as the job ``name``.

    Its standard error goes to the terminal and to ``log``. An error that a user can act on ends the job with its
    sentence and no traceback; any other error leaves its traceback in the log. It ends with the workflow that started
    it. A job that asks for a ``gpu`` (slots, megabytes) has a share of a visible one (``gpu_share``). Two of one name
    never run at once: a cluster may still be at one that was submitted before its workflow was killed.
    """
    end_without_workflow(name)
    if gpu:  # products have the same bits each time; cuBLAS reads it when it is first used
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threadpool_limits(threads)  # numpy's and scipy's own, so that two jobs on two cores do not fight
    if "torch" in sys.modules:  # loading it takes seconds, and many jobs only draw or judge
        torch = sys.modules["torch"]
        torch.set_num_threads(threads)
        # torch.use_deterministic_algorithms(True, warn_only=True), which also loads the compiler: 1.4 s of every job.
        torch.set_deterministic_debug_mode("warn")
        # What is allocated is written before it is read, so that filling it with NaN only takes time on a GPU.
        torch.utils.deterministic.fill_uninitialized_memory = not gpu
        # float32 is float32 on a GPU too, where cuDNN would take TF32; a training may ask for less (``arithmetic``).
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    terminal = sys.stderr
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with _alone(log, name), open(log, "w", encoding="utf-8") as stream:
        # Where one line stands for the whole run, those of its jobs are in their logs alone.
        sys.stderr = tee = _Tee(*([] if os.environ.get("DROPSCAPE_QUIET") else [terminal]), stream)
        try:
            with gpu_share(*gpu) if gpu else nullcontext():
                yield
        except DropscapeError as error:
            print(f"dropscape: {name} stopped. {error}", file=sys.stderr, flush=True)
            raise SystemExit(1) from None
        except Exception:
            traceback.print_exc()
            print(
                f"dropscape: {name} failed unexpectedly; the traceback is in {log}. Other branches go on; "
                "run the same command again to retry only what is missing.",
                file=sys.stderr,
                flush=True,
            )
            raise SystemExit(1) from None
        finally:
            tee.close()
            sys.stderr = terminal


@contextmanager
def _alone(log: str, name: str) -> Iterator[None]:
    """Hold a lock beside the log, which the kernel frees when the job ends; where files cannot be locked, go on."""
    lock = kernel_lock(Path(log).with_name(f".{Path(log).name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(
            f"dropscape: {name} is still at work elsewhere; this job waits until it has ended (see {log}).",
            file=sys.stderr,
            flush=True,
        )
        lock.acquire()
    except (OSError, NotImplementedError):  # the run has said that there are no locks
        pass
    try:
        yield
    finally:
        lock.release()
