import json
from collections import Counter

import pytest
import torch

from dropscape.data.corpus import (
    BOS,
    EOS,
    PAD,
    SPECIALS,
    UNKNOWN,
    Corpus,
    Pairs,
    corpus_from_text,
    first_pairs,
    tokens,
    words,
)
from dropscape.errors import ConfigurationError, DataError

DESCRIPTION = {"source": "directory", "origin": "the folder 'few'", "label": "few pairs", "dataset": "few"}


@pytest.fixture
def corpus() -> Corpus:
    english = ["A dog runs.", "A cat sits.", "The dog sits.", "A bird sings, a bird flies."]
    german = ["Ein Hund läuft.", "Eine Katze sitzt.", "Der Hund sitzt.", "Ein Vogel singt, ein Vogel fliegt."]
    return corpus_from_text(
        "few", Pairs(english, german), Pairs(["A dog sings."], ["Ein Hund singt laut."]), DESCRIPTION
    )


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Two dogs, a CAT.", ["two", "dogs", ",", "a", "cat", "."]),
        ("A man's t-shirt isn't blue-green", ["a", "man's", "t-shirt", "isn't", "blue-green"]),
        ("„Ja“ \u2013 sagt\u00a0er (laut)!", ["„", "ja", "“", "\u2013", "sagt", "er", "(", "laut", ")", "!"]),
        ("Über die Straße", ["über", "die", "straße"]),
        ("U\u0308ber", ["über"]),  # the same letter in two characters
        ("- he runs -fast", ["-", "he", "runs", "-", "fast"]),
        ("3 boys, 4x4", ["3", "boys", ",", "4x4"]),
        ("  ", []),
    ],
)
def test_tokens(sentence, expected):
    assert tokens(sentence) == expected


def test_the_whole_corpus_reads_back(corpus):
    assert [words(row, corpus.source_words) for row in corpus.train_source][:2] == [
        ["a", "dog", "runs", "."],
        ["a", "cat", "sits", "."],
    ]
    assert words(corpus.train_target[3], corpus.target_words) == tokens("Ein Vogel singt, ein Vogel fliegt.")
    assert corpus.train_source.dtype == torch.int32 and corpus.train_source.shape == (4, 8)
    # Of the test sentences only the training words are known.
    assert words(corpus.test_target[0], corpus.target_words) == ["ein", "hund", "singt", "<unk>", "."]
    assert list(corpus.source_words[:4]) == list(SPECIALS) == ["<pad>", "<bos>", "<eos>", "<unk>"]
    assert corpus.source_words[4:] == sorted(corpus.source_words[4:])
    assert json.loads(json.dumps(corpus.metadata)) == corpus.metadata


def test_words_ends_at_the_end_and_leaves_out_padding():
    vocabulary = [*SPECIALS, "a", "dog"]
    assert words([BOS, 4, 5, EOS, 4, PAD], vocabulary) == ["a", "dog"]
    assert words(torch.tensor([4, PAD, UNKNOWN, 5]), vocabulary) == ["a", "<unk>", "dog"]
    assert words([], vocabulary) == []


@pytest.mark.parametrize("min_frequency", [1, 2])
@pytest.mark.parametrize("train_examples", [2, 3, 4])
def test_the_vocabulary_is_that_of_the_sentences_in_use(corpus, train_examples, min_frequency):
    few = first_pairs(corpus, train_examples, 1, 30, min_frequency)
    for side in ("source", "target"):
        whole, found = getattr(corpus, f"{side}_words"), getattr(few, f"{side}_words")
        sentences = [words(row, whole) for row in getattr(corpus, f"train_{side}")[:train_examples]]
        counts = Counter(word for sentence in sentences for word in sentence)
        expected = sorted((w for w in counts if counts[w] >= min_frequency), key=lambda w: (-counts[w], w))
        assert list(found) == [*SPECIALS, *expected]
        # A sentence reads as before, except for what the vocabulary does not have.
        renumbered = [words(row, found) for row in getattr(few, f"train_{side}")]
        assert renumbered == [[w if w in expected else "<unk>" for w in sentence] for sentence in sentences]
        tested = [w if w in expected else "<unk>" for w in words(getattr(corpus, f"test_{side}")[0], whole)]
        assert words(getattr(few, f"test_{side}")[0], found) == tested


def test_long_sentences_are_cut_before_words_are_counted(corpus):
    few = first_pairs(corpus, 4, 1, 3, 1)
    assert few.train_source.shape == (4, 3)
    assert [words(row, few.source_words) for row in few.train_source] == [
        ["a", "dog", "runs"], ["a", "cat", "sits"], ["the", "dog", "sits"], ["a", "bird", "sings"],
    ]  # fmt: skip
    assert "." not in few.source_words and "flies" not in few.source_words


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5, 1, 30, 1), DataError, r"asks for 5 train examples .*the data has 4 \(`source: directory`; few pairs\)"),
        ((4, 2, 30, 1), DataError, r"asks for 2 test examples .*the data has 1"),
        ((0, 1, 30, 1), ConfigurationError, r"`train_examples` in the study or scale file.*at least 1"),
        ((4, 1, 0, 1), ConfigurationError, r"`max_tokens` in the study or scale file is 0; write at least 1"),
        ((4, 1, 30, 0), ConfigurationError, r"`min_frequency` in the study or scale file is 0; write at least 1"),
        ((4, 1, 30, 9), ConfigurationError, r"`min_frequency` .* is 9, but no word occurs that often in the 4 train"),
    ],
)
def test_what_cannot_work_is_named(corpus, arguments, error, message):
    with pytest.raises(error, match=message):
        first_pairs(corpus, *arguments)
