"""What a network trains on and is tested on: examples of images, sentence pairs and points, as networks read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dropscape.data.corpus import BOS, EOS, MAX_TOKENS, MIN_FREQUENCY, PAD, Corpus, first_pairs
from dropscape.data.dataset import Dataset, as_inputs, check_number, training_subset
from dropscape.data.points import Points
from dropscape.errors import ConfigurationError

# Mean and standard deviation of each channel over all pixels of the official training images, from 0 to 1, as
# they are commonly published.
CHANNELS = {
    "mnist": ((0.1307,), (0.3081,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}


@dataclass(frozen=True, eq=False)
class Examples:
    """What a network trains on and is tested on; every inputs and targets have one row an example.

    Attributes:
        train_inputs, test_inputs: grey images (n, height * width) float32; colour images
            (n, 3, height, width) float32; sentence pairs (n, S + T) int64; points (n, d) float32.
        train_targets, test_targets: images (n,) int64, the class, or (n, C) float32, the class encoded one-hot;
            sentence pairs (n, T) int64; points (n, k) float32.
        description: that of the dataset. For sentence pairs also ``source_length`` S, ``target_length`` T, and
            ``source_vocabulary`` and ``target_vocabulary``, the word of each id.
    """

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    description: Mapping[str, Any]


def image_examples(dataset: Dataset, settings: Mapping[str, Any]) -> Examples:
    """The first ``train_examples`` and ``test_examples`` images of a dataset.

    ``normalisation`` is "unit", pixels divided by 255 and nothing else, or "channel", from which each channel's
    mean of ``CHANNELS`` is subtracted and by whose standard deviation it is divided. The papers name none; left
    out, it is "channel" for the colour images of a published dataset and "unit" elsewhere. Images are not augmented
    by random crops or flips: the papers name no augmentation, and with full-batch gradient descent on a fixed set
    of images the only randomness is dropout's. With ``one_hot``, as the squared error needs them, targets are 1 for
    the class and 0 for the others.

    Raises:
        ConfigurationError: there is no such normalisation, or a number is below one.
        DataError: the dataset has fewer examples than the settings ask for.
    """
    part = training_subset(dataset, settings["train_examples"], settings["test_examples"])
    colour = dataset.train_images.ndim == 4
    published = colour and dataset.name in CHANNELS
    normalisation = _given(settings, "normalisation", "channel" if published else "unit")
    if normalisation not in ("unit", "channel"):
        raise ConfigurationError(
            f"`normalisation` in the study or scale file is '{normalisation}'; write one of: unit, channel."
        )
    if normalisation == "channel" and dataset.name not in CHANNELS:
        raise ConfigurationError(
            f"`normalisation` in the study or scale file is 'channel', but the channels of dataset '{dataset.name}' "
            "are not known; write `normalisation: unit`."
        )
    constants = CHANNELS[dataset.name] if normalisation == "channel" else None
    classes = part.description["classes"] if _given(settings, "one_hot", False) else None
    return Examples(
        as_inputs(part.train_images, constants),
        _as_targets(part.train_labels, classes),
        as_inputs(part.test_images, constants),
        _as_targets(part.test_labels, classes),
        part.description,
    )


def pair_examples(corpus: Corpus, settings: Mapping[str, Any]) -> Examples:
    """The first ``train_examples`` and ``test_examples`` sentence pairs, in the form that a transformer reads.

    An input is one row: the sentence and its end, padded to S, and after it what the decoder is given, the
    beginning and the translation, padded to T. A target is the translation and its end, padded to T: position t
    of it is the word that follows position t of what the decoder is given. ``corpus`` says what words, ids and
    lengths are; ``max_tokens`` is 30 and ``min_frequency`` is 2 where the settings leave them out.

    Raises:
        ConfigurationError, DataError: as ``corpus.first_pairs``.
    """
    part = first_pairs(
        corpus,
        settings["train_examples"],
        settings["test_examples"],
        _given(settings, "max_tokens", MAX_TOKENS),
        _given(settings, "min_frequency", MIN_FREQUENCY),
    )
    source_length = _longest(part.train_source, part.test_source) + 1
    target_length = _longest(part.train_target, part.test_target) + 1

    def inputs(source: Tensor, target: Tensor) -> Tensor:
        ended = _ended(target, target_length)
        before = torch.where(ended == EOS, PAD, ended)[:, :-1]
        return torch.cat([_ended(source, source_length), torch.full((len(target), 1), BOS), before], dim=1)

    return Examples(
        inputs(part.train_source, part.train_target),
        _ended(part.train_target, target_length),
        inputs(part.test_source, part.test_target),
        _ended(part.test_target, target_length),
        dict(part.description)
        | {
            "source_length": source_length,
            "target_length": target_length,
            "source_vocabulary": list(part.source_words),
            "target_vocabulary": list(part.target_words),
        },
    )


def point_examples(points: Points, settings: Mapping[str, Any]) -> Examples:
    """The first ``train_examples`` and ``test_examples`` points.

    Raises:
        ConfigurationError: a number is below one.
        DataError: there are fewer points than the settings ask for.
    """
    tables = {}
    for part in ("train", "test"):
        wanted = settings[f"{part}_examples"]
        check_number(points.description, part, len(getattr(points, f"{part}_inputs")), wanted)
        tables |= {name: value[:wanted] for name, value in points.tensors.items() if name.startswith(part)}
    return Examples(**tables, description=points.description)


def _as_targets(labels: Tensor, classes: int | None) -> Tensor:
    """Labels (n,) int64 as they are, or as float32 (n, classes), 1 for the label and 0 elsewhere."""
    return labels if classes is None else F.one_hot(labels, classes).to(torch.float32)


def _given(settings: Mapping[str, Any], key: str, default: Any) -> Any:
    """An optional setting; left out and empty are the same."""
    value = settings.get(key)
    return default if value is None else value


def _longest(*parts: Tensor) -> int:
    return max(int((ids != PAD).sum(dim=1).max()) for ids in parts)


def _ended(ids: Tensor, length: int) -> Tensor:
    """Padded sentences (n, L) with the end after each, as int64 (n, length)."""
    ended = torch.full((len(ids), max(length, ids.shape[1] + 1)), PAD)
    ended[:, : ids.shape[1]] = ids
    ended[torch.arange(len(ids)), (ids != PAD).sum(dim=1)] = EOS
    return ended[:, :length]
