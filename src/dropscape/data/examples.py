"""What a network trains on and is tested on: examples of images, sentence pairs and points, as networks read them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dropscape.data.corpus import BOS, EOS, PAD, Corpus, first_pairs
from dropscape.data.dataset import Dataset, as_inputs
from dropscape.data.points import Points
from dropscape.data.settings import MAX_TOKENS, MIN_FREQUENCY
from dropscape.errors import ConfigurationError


@dataclass(frozen=True, eq=False)
class Examples:
    """What a network trains on and is tested on; every inputs and targets have one row an example.

    Inputs: grey images (n, height * width) float32; colour images (n, 3, height, width) float32; sentence pairs
    (n, S + T) int64; points (n, d) float32. Targets: images (n,) int64, the class, or (n, C) float32, the class encoded
    one-hot; sentence pairs (n, T) int64; points (n, k) float32. The description is that of the dataset; for sentence
    pairs also ``source_length`` S, ``target_length`` T, and ``source_vocabulary`` and ``target_vocabulary``, the word
    of each id.
    """

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    description: Mapping[str, Any]

    def to(self, device: str) -> "Examples":
        """Return the same examples on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)


def image_examples(dataset: Dataset, settings: Mapping[str, Any]) -> Examples:
    """Take the first ``train_examples`` and ``test_examples`` images of a dataset.

    ``normalisation`` is "unit", pixels divided by 255 and nothing else, or "channel", from which each channel's
    published mean is subtracted and by whose standard deviation it is divided. The papers name none; left
    out, it is "channel" for the colour images of a published dataset and "unit" elsewhere. Images are not augmented
    by random crops or flips: the papers name no augmentation, and with full-batch gradient descent on a fixed set
    of images the only randomness is dropout's. With ``one_hot``, as the squared error needs them, targets are 1 for
    the class and 0 for the others. A ConfigurationError says that there is no such normalisation or that a number is
    below one, a DataError that the dataset has fewer examples than the settings ask for.
    """
    first = dataset.first(settings["train_examples"], settings["test_examples"])
    channels = dataset.description.get("channels")
    published_colours = dataset.train_images.ndim == 4 and channels is not None
    normalisation = _given(settings, "normalisation", "channel" if published_colours else "unit")
    if normalisation not in ("unit", "channel"):
        raise ConfigurationError(
            f"`normalisation` in the study or scale file is '{normalisation}'; write one of: unit, channel."
        )
    if normalisation == "channel" and channels is None:
        raise ConfigurationError(
            f"`normalisation` in the study or scale file is 'channel', but the channels of dataset '{dataset.name}' "
            "are not known; write `normalisation: unit`."
        )
    constants = channels if normalisation == "channel" else None
    labels = {split: first[f"{split}_labels"] for split in ("train", "test")}
    if _given(settings, "one_hot", False):
        labels = {split: F.one_hot(ids, dataset.description["classes"]).float() for split, ids in labels.items()}
    inputs = {split: as_inputs(first[f"{split}_images"], constants) for split in ("train", "test")}
    return Examples(inputs["train"], labels["train"], inputs["test"], labels["test"], dataset.description)


def pair_examples(corpus: Corpus, settings: Mapping[str, Any]) -> Examples:
    """Take the first ``train_examples`` and ``test_examples`` sentence pairs, in the form that a transformer reads.

    An input is one row: the sentence and its end, padded to S, and after it what the decoder is given, the
    beginning and the translation, padded to T. A target is the translation and its end, padded to T: position t
    of it is the word that follows position t of what the decoder is given. ``corpus`` says what words, ids and
    lengths are, and ``first_pairs`` which errors there are; ``max_tokens`` is 30 and ``min_frequency`` is 2 where the
    settings leave them out.
    """
    first = first_pairs(
        corpus,
        settings["train_examples"],
        settings["test_examples"],
        _given(settings, "max_tokens", MAX_TOKENS),
        _given(settings, "min_frequency", MIN_FREQUENCY),
    )
    source_length = _longest(first.train_source, first.test_source) + 1
    target_length = _longest(first.train_target, first.test_target) + 1

    def inputs(source: Tensor, target: Tensor) -> Tensor:
        ended = _ended(target, target_length)
        before = torch.where(ended == EOS, PAD, ended)[:, :-1]
        return torch.cat([_ended(source, source_length), torch.full((len(target), 1), BOS), before], dim=1)

    return Examples(
        inputs(first.train_source, first.train_target),
        _ended(first.train_target, target_length),
        inputs(first.test_source, first.test_target),
        _ended(first.test_target, target_length),
        {
            **first.description,
            "source_length": source_length,
            "target_length": target_length,
            "source_vocabulary": list(first.source_words),
            "target_vocabulary": list(first.target_words),
        },
    )


def point_examples(points: Points, settings: Mapping[str, Any]) -> Examples:
    """Take the first ``train_examples`` and ``test_examples`` points; errors are those of ``Stored.first``."""
    first = points.first(settings["train_examples"], settings["test_examples"])
    return Examples(**first, description=points.description)


def _given(settings: Mapping[str, Any], key: str, default: Any) -> Any:
    """Read an optional setting; left out and empty are the same."""
    value = settings.get(key)
    return default if value is None else value


def _longest(*tensors: Tensor) -> int:
    return max(int((ids != PAD).sum(dim=1).max()) for ids in tensors)


def _ended(ids: Tensor, length: int) -> Tensor:
    """Put the end after each of the padded sentences (n, L); int64 (n, length)."""
    ended = torch.full((len(ids), max(length, ids.shape[1] + 1)), PAD)
    ended[:, : ids.shape[1]] = ids
    ended[torch.arange(len(ids)), (ids != PAD).sum(dim=1)] = EOS
    return ended[:, :length]
