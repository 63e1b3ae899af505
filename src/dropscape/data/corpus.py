"""Sentence pairs: how they become words, ids and a vocabulary, and which of them an experiment uses.

Words. A sentence is brought to one spelling of each character (Unicode NFC) and to lower case. A word is a run of
letters and digits, together with the hyphens and apostrophes inside it ("t-shirt", "man's"); every other character
that is not white space is a separate word. The papers do not say how they cut sentences.

Ids. 0 is padding, 1 begins a sentence, 2 ends it and 3 stands for every word that is not in the vocabulary
(``SPECIALS``). The prepared corpus holds the ids of every word of the training sentences, padded to the longest
sentence, without beginning and end.

Vocabulary. An experiment's vocabulary of each language has the words that occur at least ``min_frequency`` times
in the training sentences that it uses, the most frequent first, then by spelling. Everything else reads as
unknown. It is small, as a model of width 50 trained on 2,048 pairs needs it: 1,325 English and 1,293 German words
of the first 2,048 official pairs, which leaves 6 % and 8 % of their words unknown, 9 % and 14 % of the test words.

Lengths. Of a sentence longer than ``max_tokens`` words the first ``max_tokens`` are kept (6 of those 2,048 pairs
have one). All sentences of an experiment are padded to the longest of its training and test sentences.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dropscape.data.stored import Stored
from dropscape.errors import ConfigurationError

PAD, BOS, EOS, UNKNOWN = range(4)
SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")

_WORD = re.compile(r"\w+(?:[-'\u2019]\w+)*|[^\w\s]")


@dataclass(frozen=True, eq=False)
class Corpus(Stored):
    """Sentence pairs as ids of words (int32, (n, longest sentence), padded with ``PAD``), and where they come from."""

    name: str  # in the configuration
    train_source: Tensor
    train_target: Tensor
    test_source: Tensor
    test_target: Tensor
    source_words: Sequence[str]  # the word of each id
    target_words: Sequence[str]
    description: Mapping[str, Any]  # as in ``dataset.Dataset``, without ``classes``


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations, line by line."""

    source: Sequence[str]
    target: Sequence[str]


def corpus_from_text(name: str, train: Pairs, test: Pairs, description: Mapping[str, Any]) -> Corpus:
    """Turn sentence pairs in plain text into a corpus."""
    fields: dict[str, Any] = {}
    for side in ("source", "target"):
        sentences = {
            split: [tokens(line) for line in getattr(pairs, side)]
            for split, pairs in (("train", train), ("test", test))
        }
        vocabulary = [*SPECIALS, *sorted({word for sentence in sentences["train"] for word in sentence})]
        fields |= {f"{split}_{side}": _ids(cut, vocabulary) for split, cut in sentences.items()}
        fields[f"{side}_words"] = vocabulary
    return Corpus(name, **fields, description=description)


def tokens(sentence: str) -> list[str]:
    """Cut a sentence into words; see above for what a word is."""
    return _WORD.findall(unicodedata.normalize("NFC", sentence).lower())


def words(ids: Iterable[int] | Tensor, vocabulary: Sequence[str]) -> list[str]:
    """Look up the words of ids, up to the end of the sentence, without padding and beginning."""
    found = []
    for value in map(int, ids):
        if value == EOS:
            break
        if value not in (PAD, BOS):
            found.append(vocabulary[value])
    return found


def _ids(sentences: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> Tensor:
    numbers = {word: number for number, word in enumerate(vocabulary)}
    ids = torch.full((len(sentences), max(map(len, sentences))), PAD, dtype=torch.int32)
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence)] = torch.tensor([numbers.get(word, UNKNOWN) for word in sentence])
    return ids


def first_pairs(corpus: Corpus, train_examples: int, test_examples: int, max_tokens: int, min_frequency: int) -> Corpus:
    """Take the first pairs, cut to ``max_tokens`` words, in the vocabulary of the experiment.

    Ids are those of the smaller ``source_words`` and ``target_words`` of the result. A ConfigurationError says that a
    number is below one or that no word occurs ``min_frequency`` times, a DataError that the source has fewer pairs.
    """
    first = corpus.first(train_examples, test_examples)
    for key, value in (("max_tokens", max_tokens), ("min_frequency", min_frequency)):
        if value < 1:
            raise ConfigurationError(f"`{key}` in the study or scale file is {value}; write at least 1.")
    fields: dict[str, Any] = {}
    for side in ("source", "target"):
        cut = {name: ids[:, :max_tokens].long() for name, ids in first.items() if name.endswith(side)}
        vocabulary, renumbered = _vocabulary(cut[f"train_{side}"], getattr(corpus, f"{side}_words"), min_frequency)
        fields |= {name: renumbered[ids].to(torch.int32) for name, ids in cut.items()}
        fields[f"{side}_words"] = vocabulary
    return replace(corpus, **fields)


def _vocabulary(ids: Tensor, whole: Sequence[str], min_frequency: int) -> tuple[list[str], Tensor]:
    """Choose the words of an experiment; for each id of the whole vocabulary give its id among them."""
    counts = torch.bincount(ids.flatten(), minlength=len(whole)).tolist()
    kept = [number for number in range(len(SPECIALS), len(whole)) if counts[number] >= min_frequency]
    if not kept:
        raise ConfigurationError(
            f"`min_frequency` in the study or scale file is {min_frequency}, but no word occurs that often in "
            f"the {len(ids):,} training sentences (`train_examples`); write a smaller number."
        )
    # The whole vocabulary is sorted by spelling.
    kept.sort(key=lambda number: (-counts[number], number))
    renumbered = torch.full((len(whole),), UNKNOWN)
    renumbered[: len(SPECIALS)] = torch.arange(len(SPECIALS))
    renumbered[kept] = torch.arange(len(SPECIALS), len(SPECIALS) + len(kept))
    return [*SPECIALS, *(whole[number] for number in kept)], renumbered
