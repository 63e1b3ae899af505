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
from dropscape.subnetworks.cnn_training import (
    GROUP_BYTES,
    CnnTraining,
    available_bytes,
    refuse_too_wide,
    side_by_side,
    training_bytes,
)

WIDE = CnnTraining(Shape(28, (6, 16), 120, 250_000, 10), (0.9,), (0,), 0.01, 64, 1, (), 0)


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
        # A graph keeps its memory while sub-networks are tested; here nothing does.
        assert 0.2 * forecast < peak < forecast, width


def test_the_widest_network_of_the_paper_fits_a_common_machine():
    needed = training_bytes(WIDE, 60_000, 10_000)
    assert 4 * 250_000 * 131 < needed < 0.8 * 2**30


def test_the_forecast_grows_with_what_takes_memory():
    base = replace(WIDE, keep_probs=(0.5,), random_masks=100)
    shapes = [replace(WIDE.shape, width=width) for width in (100, 1000, 10_000, 100_000)]
    widths = [training_bytes(replace(base, shape=shape), 1000, 1000) for shape in shapes]
    assert widths == sorted(widths) and widths[3] > 3 * widths[2]
    needed = training_bytes(base, 1000, 1000)
    for more in ({"keep_probs": (0.9,)}, {"batch_size": 6400}, {"random_masks": 998}):
        assert training_bytes(replace(base, **more), 1000, 1000) > needed
    assert training_bytes(base, 100_000, 1000) > needed and training_bytes(base, 1000, 100_000) > needed


def test_what_does_not_fit_is_refused_in_one_sentence():
    refuse_too_wide(1000, 2**30, 2**30, "cpu")
    with pytest.raises(ConfigurationError, match=r"width 250,000 takes 3 GiB.*'cpu' has 1.5 GiB free; leave it out"):
        refuse_too_wide(250_000, 3 * 2**30, 3 * 2**29, "cpu")


def test_available_memory_is_below_the_physical_one():
    assert 2**20 < available_bytes("cpu") <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


MANY = replace(WIDE, keep_probs=(0.9, 0.5, 0.1) * 150, seeds=tuple(range(450)))


def test_on_a_processor_each_network_is_alone():
    groups = side_by_side(MANY, 60_000, 10_000, "cpu", 2**40)
    assert [(group.keep_probs, group.seeds) for group in groups[:2]] == [((0.9,), (0,)), ((0.5,), (1,))]
    assert len(groups) == 450


@pytest.mark.parametrize("width, memory, at_least", [(100, 2**37, 60), (250_000, 2**37, 8), (250_000, 2**36, 2)])
def test_a_gpu_takes_as_many_networks_as_fit(width, memory, at_least, monkeypatch):
    """Groups of about the same size, in the order of the networks, each of which fits while a larger one would not."""
    config = replace(MANY, shape=replace(MANY.shape, width=width))
    monkeypatch.setattr("dropscape.numerics.devices.gpu_memory", lambda: memory)
    groups = side_by_side(config, 60_000, 10_000, "cuda", memory)
    assert sum((group.seeds for group in groups), ()) == config.seeds
    assert sum((group.keep_probs for group in groups), ()) == config.keep_probs
    sizes = [len(group.seeds) for group in groups]
    assert set(sizes[:-1]) == {max(sizes)} and at_least <= max(sizes) < 450
    budget = GROUP_BYTES.on("cuda")
    assert training_bytes(groups[0], 60_000, 10_000, "cuda") <= budget
    fewer = -(-450 // (len(groups) - 1))
    wider = replace(config, keep_probs=config.keep_probs[:fewer], seeds=config.seeds[:fewer])
    assert training_bytes(wider, 60_000, 10_000, "cuda") > budget


def test_a_width_that_a_gpu_cannot_hold_once_is_refused(monkeypatch):
    monkeypatch.setattr("dropscape.numerics.devices.gpu_memory", lambda: 2**37)
    config = replace(MANY, shape=replace(MANY.shape, width=4_000_000))
    with pytest.raises(ConfigurationError, match=r"width 4,000,000 takes .* GiB to train, but device 'cuda' has 1 GiB"):
        side_by_side(config, 100, 100, "cuda", 2**30)
    assert len(side_by_side(config, 100, 100, "cuda", 2**36)) == 450  # more than GROUP_BYTES, but it fits
