"""Records what made an artifact: its parameters, data, seed and versions."""

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

NUMERIC = ("torch", "numpy", "scipy", "numba")  # other versions of these give other numbers
DRIVER = Path("/sys/module/nvidia/version")


def numeric_versions() -> dict[str, str]:
    """The installed versions of what decides numbers."""
    return {name: version(name) for name in NUMERIC}


def gpu_versions(device: str) -> dict[str, Any]:
    """The GPU and the versions of its software, which decide numbers too; empty where none computes."""
    if not device.startswith("cuda") or not sys.modules["torch"].cuda.is_available():
        return {}
    torch = sys.modules["torch"]
    return {
        "gpu": torch.cuda.get_device_name(),
        "driver": DRIVER.read_text(encoding="utf-8").strip() if DRIVER.is_file() else None,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def processor() -> str:
    """The name of the machine's processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def provenance(
    stage: str, parameters: Mapping[str, Any], data: Mapping[str, Any] | None = None, device: str = "cpu"
) -> dict[str, Any]:
    """Make a JSON-able record with no time in it, so that the same work gives the same bytes.

    ``parameters`` are everything the stage was given (with the seeds), ``data`` the dataset's description, if the
    artifact comes from data. Which code ran stands in the results' folder ``.code``.
    """
    return {
        "stage": stage,
        "parameters": dict(parameters),
        "data": None if data is None else dict(data),
        "device": device,
        # Null where torch was not used.
        "threads": sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None,
        "machine": platform.machine(),
        "processor": processor(),
        "versions": {"python": platform.python_version(), "dropscape": version("dropscape")}
        | numeric_versions()
        | gpu_versions(device),
    }
