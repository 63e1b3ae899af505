"""What every job of the workflow shares: its log, its threads, its GPU and how it says that it failed."""

import fcntl
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TextIO

from threadpoolctl import threadpool_limits

from dropscape.errors import DropscapeError
from dropscape.gpus import one_gpu
from dropscape.orphans import end_without_workflow


class _Tee:
    """Writes to several streams, so that progress is seen on the terminal and kept in the log.

    One that cannot be written, a log on a full disk or a terminal that was closed, does not keep the other from it.
    """

    def __init__(self, *streams: TextIO):
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            with suppress(OSError):
                stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            with suppress(OSError):
                stream.flush()


@contextmanager
def job(name: str, log: str, threads: int = 1, gpu: int = 0) -> Iterator[None]:
    """Run the body as the job ``name``.

    Its standard error goes to the terminal and to ``log``. An error that a user can act on ends the job with its
    sentence and no traceback; any other error leaves its traceback in the log. It ends with the workflow that started
    it (``orphans``). A job that asks for a ``gpu`` has one of the visible ones for itself. Two of one name never run at
    once: a cluster may still be at one that was submitted before its workflow was killed.
    """
    end_without_workflow(name)
    threadpool_limits(threads)  # numpy's and scipy's own, so that two jobs on two cores do not fight
    if "torch" in sys.modules:  # loading it takes seconds, and many jobs only draw or judge
        torch = sys.modules["torch"]
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
    terminal = sys.stderr
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "a") as stream:
        _wait_until_alone(stream, name)
        stream.truncate(0)
        sys.stderr = _Tee(terminal, stream)
        try:
            with one_gpu() if gpu else nullcontext():
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
            sys.stderr = terminal


def _wait_until_alone(log: TextIO, name: str) -> None:
    """Lock the log, which the kernel frees when the job ends; where files cannot be locked, go on."""
    with suppress(OSError):
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(
                f"dropscape: {name} is still at work elsewhere; this job waits until it has ended (see {log.name}).",
                file=sys.stderr,
                flush=True,
            )
            fcntl.flock(log, fcntl.LOCK_EX)
