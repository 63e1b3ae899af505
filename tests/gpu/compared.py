"""What ran on the pretended GPU beside what ran on the processor."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tests.gpu.tensors import OnGpu

RELATIVE = 1e-5  # of the largest entry: float32 numbers whose operations were the same


def assert_close(found: Any, expected: Any, relative: float = RELATIVE, what: str = "result") -> None:
    """Equal up to rounding, whatever they are made of; both on the processor."""
    if isinstance(expected, Mapping):
        assert list(found) == list(expected), what
        for name in expected:
            assert_close(found[name], expected[name], relative, f"{what}.{name}")
    elif isinstance(expected, pd.DataFrame):
        assert_close(dict(found.items()), dict(expected.items()), relative, what)
    elif is_dataclass(expected):
        for field in fields(expected):
            name = field.name
            assert_close(getattr(found, name), getattr(expected, name), relative, f"{what}.{name}")
    elif isinstance(expected, Tensor | np.ndarray | pd.Series | float):
        _assert_numbers_close(found, expected, relative, what)
    elif isinstance(expected, Sequence) and not isinstance(expected, str):
        assert len(found) == len(expected), what
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_close(one, other, relative, f"{what}[{index}]")
    else:
        assert found == expected, what


def _assert_numbers_close(found: Any, expected: Any, relative: float, what: str) -> None:
    assert not isinstance(found, OnGpu), f"{what} was not copied back"
    found, expected = (
        np.asarray(value.detach() if isinstance(value, Tensor) else value) for value in (found, expected)
    )
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), what
    if not np.issubdtype(expected.dtype, np.floating):
        assert pd.Series(found.ravel()).equals(pd.Series(expected.ravel())), what  # a missing text equals another
        return
    assert (np.isfinite(found) == np.isfinite(expected)).all(), what
    finite = np.isfinite(expected)
    if finite.any():
        difference = np.abs(found[finite].astype(np.float64) - expected[finite]).max()
        largest = np.abs(expected[finite]).max()
        assert difference <= relative * largest, f"{what}: {difference:.3g} of {largest:.3g}"


def moved(value: Any, device: str = "cuda") -> Any:
    """Tensors, networks and what holds them, on another device."""
    if isinstance(value, Tensor | torch.nn.Module):
        return value.to(device)
    if isinstance(value, Mapping):
        return {name: moved(one, device) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(moved(one, device) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{field.name: moved(getattr(value, field.name), device) for field in fields(value)})
    return value
