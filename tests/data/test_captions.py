import re

import numpy as np
import pytest

from dropscape.data import captions
from dropscape.data.captions import Noun, Phrase, noun_phrase

MAN = Noun("man", "men", "Mann", "Männer", "m")
CAP = Noun("cap", "caps", "Mütze", "Mützen", "f")
SHIRT = Noun("shirt", "shirts", "Hemd", "Hemden", "n")
CAR = Noun("car", "cars", "Auto", "Autos", "n")
OLD, RED, TWO, NONE = Phrase("old", "alt"), Phrase("red", "rot"), Phrase("two", "zwei"), Phrase("", "")


@pytest.mark.parametrize(
    ("noun", "case", "adjective", "number", "english", "german"),
    [
        (MAN, "nominative", None, None, "a man", "ein Mann"),
        (MAN, "nominative", OLD, None, "an old man", "ein alter Mann"),
        (MAN, "accusative", OLD, None, "an old man", "einen alten Mann"),
        (MAN, "dative", RED, None, "a red man", "einem roten Mann"),
        (MAN, "nominative", OLD, TWO, "two old men", "zwei alte Männer"),
        (MAN, "dative", OLD, NONE, "old men", "alten Männern"),
        (CAP, "nominative", RED, None, "a red cap", "eine rote Mütze"),
        (CAP, "accusative", RED, None, "a red cap", "eine rote Mütze"),
        (CAP, "dative", RED, None, "a red cap", "einer roten Mütze"),
        (CAP, "dative", RED, NONE, "red caps", "roten Mützen"),
        (SHIRT, "nominative", RED, None, "a red shirt", "ein rotes Hemd"),
        (SHIRT, "accusative", RED, None, "a red shirt", "ein rotes Hemd"),
        (SHIRT, "dative", RED, None, "a red shirt", "einem roten Hemd"),
        (SHIRT, "accusative", RED, NONE, "red shirts", "rote Hemden"),
        (CAR, "dative", None, TWO, "two cars", "zwei Autos"),
    ],
)
def test_articles_and_endings(noun, case, adjective, number, english, german):
    assert noun_phrase(noun, case, adjective, number) == Phrase(english, german)


@pytest.fixture(scope="module")
def corpus():
    return captions.embedded()


@pytest.fixture(scope="module")
def pairs():
    draws = np.random.default_rng(0)
    return [captions.caption(draws) for _ in range(3000)]


def test_counts_and_distinct_pairs(corpus):
    assert len(corpus.train_source) == len(corpus.train_target) == 4_000
    assert len(corpus.test_source) == len(corpus.test_target) == 500
    rows = {
        split: {
            (tuple(source[source > 0]), tuple(target[target > 0]))
            for source, target in zip(
                corpus.tensors[f"{split}_source"].numpy(), corpus.tensors[f"{split}_target"].numpy(), strict=True
            )
        }
        for split in ("train", "test")
    }
    assert len(rows["train"]) == 4_000 and len(rows["test"]) == 500 and not rows["train"] & rows["test"]


def test_generated_once_and_for_all(corpus):
    again = captions.embedded()
    assert again.metadata == corpus.metadata
    assert all((value == again.tensors[name]).all() for name, value in corpus.tensors.items())


def test_says_everywhere_that_it_stands_in(corpus):
    description = corpus.description
    assert description["label"] == "stand-in data for Multi30k: 4,000 + 500 generated English-German captions"
    assert description["origin"].startswith("stand-in data for Multi30k")
    assert description["dataset"] == "multi30k" and description["counts"] == {"train": 4_000, "test": 500}
    assert "no sentence is from Multi30k" in description["differs"]


GERMAN_NOUNS = {
    noun.german: noun.gender
    for table in (captions.PEOPLE, captions.ANIMALS, captions.CLOTHES, captions.HEADWEAR, captions.THINGS,
                  captions.VEHICLES, captions.TEXTS, {noun.german: noun for _, noun in captions.PLACES})
    for noun in table.values()
}  # fmt: skip
ARTICLES = {"ein": "mn", "eine": "f", "einen": "m", "einem": "mn", "einer": "f", "dem": "mn", "der": "f", "im": "mn",
            "am": "mn"}  # fmt: skip
PREPOSITIONS = ("in", "auf", "an", "vor", "hinter", "unter", "neben", "mit")


def test_articles_agree_with_their_nouns_and_prepositions(pairs):
    """Read back from the sentences: article, at most one adjective, noun."""
    checked = 0
    pattern = re.compile(r"(?:\b(\w+) )?\b([Ee]in\w*|dem|der|[IiAa]m) (?:[a-zäöüß]+ )?([A-ZÄÖÜ][\w-]+)")
    for pair in pairs:
        for before, article, noun in pattern.findall(pair.german):
            if noun not in GERMAN_NOUNS or article.lower() not in ARTICLES:
                continue
            checked += 1
            assert GERMAN_NOUNS[noun] in ARTICLES[article.lower()], pair.german
            if before.lower() in PREPOSITIONS:
                assert article.lower() in ("einem", "einer", "dem", "der"), pair.german
    assert checked > 5000


FINITE = {
    form
    for verbs in (captions.ALONE_PEOPLE, captions.WITH_OBJECT)
    for verb in verbs
    for form in (verb.singular, verb.plural)
}


def main_clause(german: str) -> list[str]:
    """The words of the main clause without its relative clause."""
    without = re.sub(r", (?:der|die|das) [^,]*,", "", german)
    return without.removesuffix(".").split(", während ")[0].split()


def test_the_finite_verb_comes_second_or_last(pairs):
    inverted = subordinate = separable = 0
    particles = {verb.particle for verb in (*captions.ALONE_PEOPLE, *captions.WITH_OBJECT)} - {""}
    for pair in pairs:
        clause = main_clause(pair.german)
        verbs = [index for index, word in enumerate(clause) if word in FINITE]
        assert len(verbs) == 1, pair.german
        before, after = clause[: verbs[0]], clause[verbs[0] + 1 :]
        # Whatever stands first is one constituent: the subject, or a place and then the subject after the verb.
        fronted = before[0].lower() in (*PREPOSITIONS, "im", "am")
        inverted += fronted
        assert not fronted or re.match(r"(On|In|At|Behind|Under|Next)\b[^,]*, ", pair.english), pair.english
        separable += bool(after) and after[-1] in particles
        if ", während " in pair.german:
            subordinate += 1
            last = re.sub(r", (?:der|die|das) [^,]*,", "", pair.german.split(", während ")[1])
            assert last.removesuffix(".").split()[-1] in {
                verb.particle + form
                for verb in (*captions.ALONE_PEOPLE, *captions.WITH_OBJECT)
                for form in (verb.singular, verb.plural)
            }, pair.german
            assert " while " in pair.english
    # Each construction is common enough to be learnt.
    assert min(inverted, subordinate, separable) > 300


def test_number_agrees_in_both_languages(pairs):
    plural = {"two", "three", "several", "some"}
    german_plural = {verb.plural for verb in (*captions.ALONE_PEOPLE, *captions.WITH_OBJECT)}
    many = 0
    for pair in pairs:
        english = re.sub(r" who (?:is|are) wearing (?:an? )?\w+ [\w-]+", "", pair.english.split(" while ")[0])
        words = english.replace(",", "").lower().removesuffix(".").split()
        is_plural = bool(plural & set(words))
        many += is_plural
        assert ("are" in words) == is_plural and ("is" in words) != is_plural, pair.english
        assert any(word in german_plural for word in main_clause(pair.german)) == is_plural, pair.german
    assert 600 < many < 1500


def test_english_articles(pairs):
    for pair in pairs:
        for article, word in re.findall(r"\b(an?) (\w)", pair.english, re.IGNORECASE):
            assert (article.lower() == "an") == (word in "aeiou"), pair.english
