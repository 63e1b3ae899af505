"""Where a computation runs, with and without a GPU."""

import pytest
import torch

from dropscape.errors import ConfigurationError, DeviceError
from dropscape.numerics.devices import arithmetic, chosen_device


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


@pytest.mark.parametrize(("precision", "tf32"), [("float32", False), ("tf32", True), ("bfloat16", False)])
def test_the_arithmetic_of_a_gpu_is_as_asked_and_then_as_before(precision, tf32):
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    with arithmetic(precision):
        assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == tf32
        assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark
    after = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    assert after == before


def test_an_unknown_precision_is_named():
    with pytest.raises(ConfigurationError, match="'half'; write one of float32, tf32, bfloat16"), arithmetic("half"):
        pass
