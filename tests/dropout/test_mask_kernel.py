"""The kernel that draws masks on a GPU, in Triton's interpreter and through its compiler; neither needs a GPU."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

WHERE = os.environ.get("DROPSCAPE_TRITON", "")  # a folder with the package, so that nothing else finds it


@pytest.mark.skipif(not WHERE and find_spec("triton") is None, reason="Triton is not installed")
@pytest.mark.parametrize("check, interpret", [("interpreted", "1"), ("compiled", "0")])
def test_the_kernel(check, interpret, tmp_path):
    environment = os.environ | {"TRITON_INTERPRET": interpret, "TRITON_CACHE_DIR": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), WHERE]))
    script = Path(__file__).with_name("mask_kernel_checks.py")
    done = subprocess.run([sys.executable, script, check], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
