"""A network from a function of the user's."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from dropscape.models.settings import NetworkSettings
from dropscape.schema import Function


class CustomNetworkSettings(NetworkSettings):
    """A custom module."""

    label: ClassVar = "custom network"
    has_norms: ClassVar = False  # not known: a custom network may have none
    has_hidden_features: ClassVar = True
    translates: ClassVar = None

    name: Literal["custom"] = Field(description="A custom module.")
    function: Function = Field(
        description="`package.module:function`, importable; called with `arguments`, returns a torch.nn.Module that "
        "maps (n, ...) inputs to (n, classes) outputs.",
    )
    arguments: dict[str, Any] = Field({}, description="Keyword arguments of the function.")

    @property
    def title(self) -> str:
        """The name of the function."""
        return self.function

    @classmethod
    def build(cls, function: str, arguments: Mapping[str, Any]):
        """Call the user's function; a ConfigurationError says that it cannot be imported."""
        from dropscape.custom_code import imported

        return imported(function, "model.function")(**arguments)

    def input_shape(self, data: Mapping[str, Any]) -> tuple[int, ...]:
        """Raise a LookupError: the shape is not known before the data is there."""
        raise LookupError("the input shape of a custom network is not known")
