"""What every network says of itself.

A network is a file ``models/networks/<name>.py`` with a subclass of ``NetworkSettings``; nothing lists them. The
workflow reads the files, so they load torch only in the methods that need it.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from dropscape.discovery import subclasses, submodules
from dropscape.errors import ConfigurationError
from dropscape.schema import Strict

if TYPE_CHECKING:
    from torch import nn

NETWORKS = "dropscape.models.networks"
BATCH_NORM = "batch norm keeps the statistics of the whole training set in all that is measured"
KeepProbs = float | Sequence[float]


class NetworkSettings(Strict):
    """The settings of a network; ``name`` is that of its file."""

    label: ClassVar[str]  # what figures call it
    is_fully_connected: ClassVar[bool] = False  # for the fully-connected network there are faster methods
    has_norms: ClassVar[bool] = True  # batch or layer norms, whose statistics belong to one end point
    has_hidden_features: ClassVar[bool] = False  # one last hidden layer, which R_1 of paper B (eq. 4) needs
    translates: ClassVar[bool | None] = False  # whether it reads sentence pairs; None: not known
    notes: ClassVar[tuple[str, ...]] = ()  # what figures say of how it is measured and where its dropout stands
    layers_kind: ClassVar[str] = "convolutions"  # the key of ``cost_model.rates.RATES`` for its layers

    name: str

    @property
    def title(self) -> str:
        """What figures call a network of these settings."""
        return self.label

    @property
    def layer_widths(self) -> list[int]:
        """Widths of the input, of every hidden layer and of the output; empty unless it is fully connected."""
        return []

    @property
    def outputs(self) -> int | None:
        """How many outputs it has; None if that is not known, or follows from the data."""
        return getattr(self, "classes", None)

    def check_initial_scale(self, scale: Sequence[float], where: str) -> None:
        """Raise a ValueError if a scale of the initialisation does not fit."""
        raise ValueError(f"{where} has an initial_scale but is of the network {self.name}, not fnn: leave it out")

    @classmethod
    def build(cls, **arguments: Any) -> "nn.Module":
        """Build the network from its settings and what the data decides, with fresh parameters."""
        raise NotImplementedError

    @classmethod
    def build_without_dropout(cls, **arguments: Any) -> "nn.Module":
        """Build the network for measurements without dropout: the same, unless there is a faster form."""
        return cls.build(**arguments)

    @classmethod
    def with_data_dimensions(cls, settings: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
        """Add what the examples' description decides to the settings."""
        return dict(settings)

    @classmethod
    def keep_probs(cls, settings: Mapping[str, Any], keep_prob: KeepProbs, dropout_after: int | Sequence[int]) -> Any:
        """Give the keep probability of all dropout layers, or a tuple with one for each.

        Only a fully-connected network has a choice of layers: ``dropout_after``, hidden layers counted from 1.
        """
        return keep_prob if isinstance(keep_prob, int | float) else tuple(keep_prob)

    def input_shape(self, data: Mapping[str, Any]) -> tuple[int, ...]:
        """Give the shape of one example under the settings of the data."""
        return (3, 32, 32)


def network_kind(name: str) -> type[NetworkSettings]:
    """Find the class in ``dropscape/models/networks/<name>.py``; a ConfigurationError names the files that exist."""
    try:
        (kind,) = subclasses({name: import_module(f"{NETWORKS}.{name}")}, NetworkSettings)
    except ModuleNotFoundError as error:
        if error.name != f"{NETWORKS}.{name}":
            raise
        known = ", ".join(submodules(NETWORKS))
        raise ConfigurationError(f"model.name is '{name}'; write one of {known}.") from None
    return kind
