"""Where a computation runs, with and without a GPU."""

import pytest
import torch

from dropscape.errors import DeviceError
from dropscape.numerics.devices import chosen_device


@pytest.mark.parametrize(
    ("device", "has_gpu", "chosen"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch, device, has_gpu, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert chosen_device(device) == chosen


def test_a_gpu_that_is_not_there_is_refused_with_what_to_write(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"device is 'cuda' in the configuration.*write device: cpu or device: auto"):
        chosen_device("cuda")
