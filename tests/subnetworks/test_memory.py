"""The forecast of a training's memory against what it takes, and the refusal of what does not fit."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dropscape.errors import ConfigurationError
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import CnnTraining, available_bytes, refuse_too_wide, training_bytes

WIDE = CnnTraining(Shape(28, (6, 16), 120, 250_000, 10), 0.9, 0, 0.01, 64, 1, (), 0)


def test_the_forecast_covers_what_a_training_takes_and_not_much_more():
    """In another process: the measured call runs in a fork, and a fork of this process could inherit locks."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from /proc, which only Linux has")
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-m", "tests.subnetworks.memory_of_cnns"],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])},
        capture_output=True,
        text=True,
        check=True,
    )
    for width, (forecast, peak) in json.loads(found.stdout.splitlines()[-1]).items():
        assert 0.25 * forecast < peak < forecast, width


def test_the_widest_network_of_the_paper_fits_a_common_machine():
    needed = training_bytes(WIDE, 60_000, 10_000)
    assert 4 * 250_000 * 131 < needed < 0.8 * 2**30


def test_the_forecast_grows_with_what_takes_memory():
    base = replace(WIDE, keep_prob=0.5, random_masks=100)
    shapes = [replace(WIDE.shape, width=width) for width in (100, 1000, 10_000, 100_000)]
    widths = [training_bytes(replace(base, shape=shape), 1000, 1000) for shape in shapes]
    assert widths == sorted(widths) and widths[3] > 3 * widths[2]
    needed = training_bytes(base, 1000, 1000)
    for more in ({"keep_prob": 0.9}, {"batch_size": 6400}, {"random_masks": 998}):
        assert training_bytes(replace(base, **more), 1000, 1000) > needed
    assert training_bytes(base, 100_000, 1000) > needed and training_bytes(base, 1000, 100_000) > needed


def test_what_does_not_fit_is_refused_in_one_sentence():
    refuse_too_wide(1000, 2**30, 2**30, "cpu")
    with pytest.raises(ConfigurationError, match=r"width 250,000 takes 3 GiB.*'cpu' has 1.5 GiB free; leave it out"):
        refuse_too_wide(250_000, 3 * 2**30, 3 * 2**29, "cpu")


def test_available_memory_is_below_the_physical_one():
    assert 2**20 < available_bytes("cpu") <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
