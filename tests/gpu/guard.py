"""Compiles ``guard.cpp`` against the torch that is installed, once, and loads it; without loading torch itself."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

SOURCE = Path(__file__).with_name("guard.cpp")
FOLDER = Path(__file__).parents[2] / ".pytest_cache" / "gpu"
COMPILER = "g++"


def why_not() -> str | None:
    """Why no GPU can be pretended here; None if one can."""
    if sys.platform != "linux":
        return "the guard has been compiled on Linux alone"
    if (_torch() / "lib" / "libtorch_cuda.so").exists():
        return "this torch is built for CUDA and believes in nothing but a real GPU"
    return None if shutil.which(COMPILER) else f"no compiler ({COMPILER}) is installed: apt-get install g++"


def load() -> None:
    """Make torch believe in a GPU in this process from now on. Torch asks once, while it is imported."""
    assert "torch" not in sys.modules, "torch was imported before the guard was loaded, and has asked for CUDA"
    library = ctypes.CDLL(str(_compiled()))
    assert library.pretend_cuda() == 1


def _torch() -> Path:
    return Path(util.find_spec("torch").origin).parent


def _compiled() -> Path:
    """Return the library, whose name says which torch and which source it was made of."""
    home = _torch()
    made_of = f"{metadata.version('torch')} {home} ".encode() + SOURCE.read_bytes()
    library = FOLDER / f"guard-{hashlib.sha256(made_of).hexdigest()[:16]}.so"
    if not library.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        unfinished = library.with_suffix(f".{os.getpid()}")
        command = [COMPILER, "-std=c++20", "-O1", "-shared", "-fPIC", SOURCE, "-o", unfinished]
        command += [f"-I{home}/include", f"-I{home}/include/torch/csrc/api/include"]
        command += [f"-L{home}/lib", "-lc10", "-ltorch_cpu", f"-Wl,-rpath,{home}/lib"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        unfinished.replace(library)  # whole or not at all: another process may be at it too
    return library
