"""The tests of tests/gpu, in the process of their own that they need."""

import os
import subprocess
import sys

import pytest

from tests.gpu.guard import why_not
from tests.workflow.project import ROOT

# Continuous integration, which has installed a compiler, does not let them skip.
REQUIRED = os.getenv("DROPSCAPE_COMPILER") == "required"


@pytest.mark.skipif(not REQUIRED and why_not() is not None, reason=str(why_not()))
def test_everything_that_runs_on_a_gpu_runs_on_a_pretended_one():
    assert why_not() is None, why_not()
    command = [sys.executable, "-m", "pytest", "tests/gpu", "--tb=short", "--durations=5"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    assert done.returncode == 0, "see the output above"
