"""The transformer of Vaswani et al. (2017)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from dropscape.data.settings import MAX_TOKENS
from dropscape.models.settings import NetworkSettings
from dropscape.schema import Count


class TransformerSettings(NetworkSettings):
    """The encoder-decoder of Vaswani et al. (2017); the vocabularies are those of the examples."""

    label: ClassVar = "transformer"
    translates: ClassVar = True
    layers_kind: ClassVar = "transformer"

    name: Literal["transformer"] = Field(description="The transformer.")
    d_model: Count = Field(50, description="Width of the embeddings and of every sub-layer's output.")
    d_k: Count = Field(20, description="Width of a head's queries, keys and values.")
    d_ff: Count = Field(256, description="Hidden width of the feed-forward sub-layers.")
    heads: Count = Field(4, description="Heads of every attention.")
    layers: Count = Field(3, description="Layers of the encoder and of the decoder, each.")

    @classmethod
    def build(cls, **arguments: Any):
        """Build the network."""
        from dropscape.models.transformer import Transformer

        return Transformer(**arguments)

    @classmethod
    def with_data_dimensions(cls, settings: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
        """Add the sizes of the vocabularies and the length of the sources."""
        vocabularies = {key: len(description[key]) for key in ("source_vocabulary", "target_vocabulary")}
        return {**settings, **vocabularies, "source_length": description["source_length"]}

    def input_shape(self, data: Mapping[str, Any]) -> tuple[int, ...]:
        """Count the tokens of a sentence and of what the decoder is given, one row."""
        return (2 * ((data["max_tokens"] or MAX_TOKENS) + 1),)
