"""``python -m benchmarks.gpu_check``: what a GPU computes and how fast, beside the processor and its own limits.

Prints a line for each check and writes them to a folder as they come. It ends with 1 if one of them failed.
"""

import argparse
import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

# In this order: what others need first, the workflow, which takes longest, last.
MODULES = (
    "limits",
    "masks",
    "trainings",
    "networks",
    "gradients",
    "curvature",
    "measurements",
    "equations",
    "subnetworks",
    "jobs",
    "rates",
    "workflow",
)
MINUTES = 9.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(MODULES)}")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/gpu_check"), help="folder of the table")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, which rehearse the checks")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after which no check begins")
    parser.add_argument("--pretended", action="store_true", help="on the pretended GPU of tests/gpu, always quick")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(MODULES):
        parser.error(f"no check is called {', '.join(sorted(unknown))}: write {', '.join(MODULES)}")
    began = time.monotonic()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as in every job on a GPU
    with _pretended() if given.pretended else nullcontext():
        import torch

        if not torch.cuda.is_available():
            print("There is no GPU here that torch sees: gpu-check needs one, and a CUDA build of torch.")
            return 1
        from benchmarks.gpu_check.lines import Book
        from benchmarks.gpu_check.machine import Machine

        _as_in_a_job(torch)
        options = ["--pretended"] if given.pretended else []
        machine = Machine(given.quick or given.pretended, options=options, until=began + 60 * given.minutes)
        book = Book(given.output, described(torch))
        for module in [name for name in MODULES if name in (given.names or MODULES)]:
            for name, check in checks_of(module).items():
                if time.monotonic() > machine.until:
                    check = _without_time(given.minutes)
                for line in done(machine, name, check):
                    book.add(line)
        print(f"\n{time.monotonic() - began:.0f} s; written to {given.output}/gpu_check.csv and gpu_check.json")
        for line in book.lines:
            if line.check == "fitted rates":
                print(f"\nfor src/dropscape/cost_model/rates.py:\n{line.note}")
    return 0 if book.ok else 1


def checks_of(module: str) -> dict[str, Callable[[Any], Any]]:
    """Return the checks of a module by name."""
    return import_module(f"benchmarks.gpu_check.{module}").CHECKS


def done(machine: Any, name: str, check: Callable[[Any], Any]) -> list[Any]:
    """Perform a check; what it raises is a line with its sentence."""
    import torch

    from benchmarks.gpu_check.lines import Line
    from benchmarks.gpu_check.machine import captures

    began = time.perf_counter()
    try:
        if not machine.quick:
            gc.collect()  # of the check before this one, graphs and what they hold
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        with captures() as captured:
            found = check(machine)
        if not all(captured):
            found = [*_listed(found), Line(f"graphs: {name}", failed="a step could not be captured as a graph")]
    except Exception as error:
        # The first line of what torch says, which goes on with advice.
        said = str(error).strip().split("\n")[0]
        found = Line(name, failed=f"{type(error).__name__}: {said}")
    lines = _listed(found)
    last = lines[-1]
    last.took = time.perf_counter() - began
    last.reserved = torch.cuda.max_memory_reserved() / 2**30
    if last.memory != last.memory:  # unknown
        last.memory = torch.cuda.max_memory_allocated() / 2**30
    return lines


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _without_time(minutes: float) -> Callable[[Any], Any]:
    def check(_machine: Any) -> None:
        raise TimeoutError(f"not begun within {minutes:g} minutes")

    return check


def _as_in_a_job(torch: Any) -> None:
    """Set torch's flags as ``dropscape.jobs`` does, but for the threads: processors take all for what is compared."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(len(os.sched_getaffinity(0)))


def described(torch: Any) -> dict[str, Any]:
    """Say what the numbers depend on."""
    seen = torch.cuda.get_device_properties(0)
    return {
        "gpu": torch.cuda.get_device_name(0),
        "memory": seen.total_memory,
        "multiprocessors": seen.multi_processor_count,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.version.cuda else None,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _pretended() -> Any:
    """Load the pretended GPU, before torch."""
    if "torch" not in sys.modules:
        from tests.gpu import guard

        guard.load()
    from tests.gpu.pretended import pretended

    return pretended()


if __name__ == "__main__":
    sys.exit(main())
