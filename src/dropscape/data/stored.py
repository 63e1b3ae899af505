"""What every dataset is on disk: tensors, and everything else as json."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from torch import Tensor


class Stored:
    """A dataclass whose fields are what an artifact holds."""

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors by attribute name."""
        return {name: value for name, value in self._values() if isinstance(value, Tensor)}

    @property
    def metadata(self) -> dict[str, Any]:
        """Everything else, as json can hold it."""
        return {name: _plain(value) for name, value in self._values() if not isinstance(value, Tensor)}

    def _values(self) -> list[tuple[str, Any]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value if isinstance(value, str) else list(value)
