"""What every job of the workflow shares: its log, its threads and how it says that it failed."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from threadpoolctl import threadpool_limits

from dropscape.errors import DropscapeError
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
def job(name: str, log: str, threads: int = 1) -> Iterator[None]:
    """Run the body as the job ``name``.

    Its standard error goes to the terminal and to ``log``. An error that a user can act on ends the job with its
    sentence and no traceback; any other error leaves its traceback in the log. It ends with the workflow that started
    it (``orphans``).
    """
    end_without_workflow(name)
    threadpool_limits(threads)  # numpy's and scipy's own, so that two jobs on two cores do not fight
    if "torch" in sys.modules:  # loading it takes seconds, and many jobs only draw or judge
        torch = sys.modules["torch"]
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
    terminal = sys.stderr
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as stream:
        sys.stderr = _Tee(terminal, stream)
        try:
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
