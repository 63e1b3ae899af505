"""What measurements need beside the model and the data stays under a ceiling, whatever the number of examples."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The limits on graphs, rows and cached prefixes are set to 1 MiB. The rest is batches of a fixed number of examples and
# a few matrices of the block's size.
CEILING_MIB = 12.0


@pytest.fixture(scope="module")
def peaks():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from /proc, which only Linux has")
    root = Path(__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-m", "tests.memory_of_toy_models"],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(found.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", ["convolution", "attention"])
@pytest.mark.parametrize("measurement", ["dense Hessian", "products", "interval flatness", "slices"])
def test_peak_stays_under_the_ceiling(peaks, measurement, kind):
    peak, without_limits = peaks[f"{measurement}, {kind}"]
    assert peak < CEILING_MIB < without_limits
