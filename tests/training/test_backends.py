"""Which backend a run takes is known without torch; that it is taken is tested with the stage."""

import subprocess
import sys

import pytest

from dropscape.training.backends import has_one_hidden_mask


@pytest.mark.parametrize(
    ("model", "keep_prob", "after", "expected"),
    [
        ("fnn", 0.8, 2, True),
        ("fnn", 1, 1, True),
        ("fnn", [0.8, 0.5], [1, 2], False),
        ("fnn", 0.8, [1, 2], False),
        ("fnn", [0.8], [2], False),
        ("vgg9", 0.8, 1, False),
    ],
)
def test_only_fully_connected_networks_have_one_hidden_mask(model, keep_prob, after, expected):
    run = {"model": {"name": model}, "keep_prob": keep_prob, "dropout_after": after}
    assert has_one_hidden_mask(run) == expected


def test_the_workflow_learns_the_backend_without_loading_torch():
    asked = "import sys, dropscape.training.backends; sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
