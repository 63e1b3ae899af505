"""A grammar of image captions in English and German: the stand-in for Multi30k.

A caption says who does what and where: one person, animal or a few of them, with an adjective, clothes or a
relative clause; a verb, with or without an object; a place; sometimes what someone else does meanwhile. The two
languages differ where real captions do. German has three genders and marks the case (subjects nominative, objects
accusative, places and clothes dative) on articles and adjectives; its finite verb comes second in a main clause,
also after a place that stands first, and last in a subordinate clause; a separable verb has its particle at the
end of a main clause and before itself in a subordinate one; an indefinite object follows the place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dropscape.data.corpus import Corpus, Pairs, corpus_from_text
from dropscape.data.descriptions import stand_in_description
from dropscape.numerics.seeds import numpy_generator

COUNTS = {"train": 4_000, "test": 500}

T = TypeVar("T")


@dataclass(frozen=True)
class Noun:
    """A noun in both languages, with the gender (m, f, n) and the plural (nominative) of the German one."""

    english: str
    english_plural: str
    german: str
    german_plural: str
    gender: str


@dataclass(frozen=True)
class Verb:
    """A verb: English present participle (with what follows it), German third person, and its separable particle."""

    english: str
    singular: str
    plural: str
    particle: str = ""


@dataclass(frozen=True)
class Phrase:
    """The same words in both languages."""

    english: str
    german: str


@dataclass(frozen=True)
class Subject:
    """Who: the phrase, and whether the verb is plural."""

    phrase: Phrase
    plural: bool


def _nouns(table: str) -> dict[str, Noun]:
    rows = (row.split() for row in table.strip().splitlines())
    return {english: Noun(english, *rest) for english, *rest in rows}


PEOPLE = _nouns("""
    man men Mann Männer m
    woman women Frau Frauen f
    boy boys Junge Jungen m
    girl girls Mädchen Mädchen n
    child children Kind Kinder n
    worker workers Arbeiter Arbeiter m
    tourist tourists Tourist Touristen m
    nurse nurses Krankenschwester Krankenschwestern f
""")
ANIMALS = _nouns("""
    dog dogs Hund Hunde m
    cat cats Katze Katzen f
    horse horses Pferd Pferde n
""")
CLOTHES = _nouns("""
    shirt shirts Hemd Hemden n
    jacket jackets Jacke Jacken f
    coat coats Mantel Mäntel m
    sweater sweaters Pullover Pullover m
    t-shirt t-shirts T-Shirt T-Shirts n
""")
HEADWEAR = _nouns("""
    hat hats Hut Hüte m
    cap caps Mütze Mützen f
    helmet helmets Helm Helme m
""")
THINGS = _nouns("""
    ball balls Ball Bälle m
    book books Buch Bücher n
    bag bags Tasche Taschen f
    box boxes Kiste Kisten f
    guitar guitars Gitarre Gitarren f
    umbrella umbrellas Regenschirm Regenschirme m
    stick sticks Stock Stöcke m
    basket baskets Korb Körbe m
    flag flags Fahne Fahnen f
    toy toys Spielzeug Spielzeuge n
""")
VEHICLES = _nouns("""
    bicycle bicycles Fahrrad Fahrräder n
    car cars Auto Autos n
    boat boats Boot Boote n
    cart carts Karren Karren m
    motorcycle motorcycles Motorrad Motorräder n
""")
TEXTS = _nouns("""
    newspaper newspapers Zeitung Zeitungen f
    letter letters Brief Briefe m
    map maps Karte Karten f
    sign signs Schild Schilder n
""")
# The preposition in both languages, German with dative, and the noun.
PLACES = [
    (Phrase(english, german), Noun(noun, "", german_noun, "", gender))
    for english, german, noun, german_noun, gender in (
        ("in", "in", "park", "Park", "m"),
        ("in", "in", "garden", "Garten", "m"),
        ("in", "in", "kitchen", "Küche", "f"),
        ("in", "in", "room", "Zimmer", "n"),
        ("on", "auf", "street", "Straße", "f"),
        ("on", "auf", "bench", "Bank", "f"),
        ("on", "auf", "field", "Feld", "n"),
        ("on", "auf", "bridge", "Brücke", "f"),
        ("on", "an", "beach", "Strand", "m"),
        ("at", "an", "table", "Tisch", "m"),
        ("at", "an", "window", "Fenster", "n"),
        ("in front of", "vor", "house", "Haus", "n"),
        ("in front of", "vor", "shop", "Laden", "m"),
        ("in front of", "vor", "church", "Kirche", "f"),
        ("behind", "hinter", "fence", "Zaun", "m"),
        ("behind", "hinter", "wall", "Mauer", "f"),
        ("under", "unter", "tree", "Baum", "m"),
        ("next to", "neben", "fountain", "Brunnen", "m"),
        ("next to", "neben", "tent", "Zelt", "n"),
    )
]

# German adjectives as stems: an ending follows.
AGES = [Phrase("young", "jung"), Phrase("old", "alt"), Phrase("happy", "fröhlich"), Phrase("tired", "müd")]
COLOURS = [
    Phrase("red", "rot"), Phrase("blue", "blau"), Phrase("green", "grün"), Phrase("black", "schwarz"),
    Phrase("white", "weiß"), Phrase("yellow", "gelb"), Phrase("brown", "braun"),
]  # fmt: skip
COATS = [Phrase("black", "schwarz"), Phrase("white", "weiß"), Phrase("brown", "braun"), Phrase("small", "klein")]
SIZES = [Phrase("big", "groß"), Phrase("small", "klein"), Phrase("old", "alt"), Phrase("new", "neu")]
NUMBERS = [Phrase("two", "zwei"), Phrase("three", "drei"), Phrase("several", "mehrere"), Phrase("some", "einige")]
NO_NUMBER = Phrase("", "")  # a bare plural

ALONE = [
    Verb("running", "läuft", "laufen"), Verb("sleeping", "schläft", "schlafen"), Verb("waiting", "wartet", "warten"),
    Verb("standing", "steht", "stehen"), Verb("sitting", "sitzt", "sitzen"), Verb("jumping", "springt", "springen"),
]  # fmt: skip
ALONE_PEOPLE = [
    *ALONE, Verb("laughing", "lacht", "lachen"), Verb("dancing", "tanzt", "tanzen"), Verb("singing", "singt", "singen"),
    Verb("falling asleep", "schläft", "schlafen", "ein"),
]  # fmt: skip
WITH_OBJECT = {  # and the nouns that it may have
    Verb("holding", "hält", "halten"): THINGS,
    Verb("carrying", "trägt", "tragen"): THINGS,
    Verb("picking up", "hebt", "heben", "auf"): THINGS,
    Verb("looking for", "sucht", "suchen"): THINGS,
    Verb("pushing", "schiebt", "schieben"): VEHICLES,
    Verb("repairing", "repariert", "reparieren"): VEHICLES,
    Verb("looking at", "schaut", "schauen", "an"): VEHICLES,
    Verb("painting", "malt", "malen", "an"): VEHICLES,
    Verb("reading", "liest", "lesen"): TEXTS,
    Verb("reading out", "liest", "lesen", "vor"): TEXTS,
    Verb("putting on", "zieht", "ziehen", "an"): CLOTHES,
    Verb("trying on", "probiert", "probieren", "an"): CLOTHES | HEADWEAR,
}
WEARING = Verb("wearing", "trägt", "tragen")

# By case, then gender: the indefinite article, and the ending of an adjective between it and its noun.
INDEFINITE = {
    "nominative": {"m": ("ein", "er"), "f": ("eine", "e"), "n": ("ein", "es")},
    "accusative": {"m": ("einen", "en"), "f": ("eine", "e"), "n": ("ein", "es")},
    "dative": {"m": ("einem", "en"), "f": ("einer", "en"), "n": ("einem", "en")},
}
PLURAL_ENDING = {"nominative": "e", "accusative": "e", "dative": "en"}  # without an article
DEFINITE_DATIVE = {"m": "dem", "f": "der", "n": "dem"}
CONTRACTIONS = {"in dem": "im", "an dem": "am"}
RELATIVE = {"m": "der", "f": "die", "n": "das"}


def embedded() -> Corpus:
    """Generate the stand-in for Multi30k: 4,000 pairs to train and 500 to test, all distinct.

    They are the same whatever the seed of a run.
    """
    draws = numpy_generator(0, "data", "multi30k-embedded")
    pairs: dict[tuple[str, str], None] = {}
    while len(pairs) < sum(COUNTS.values()):
        drawn = caption(draws)
        pairs[drawn.english, drawn.german] = None
    english, german = zip(*pairs, strict=True)
    cut = COUNTS["train"]
    what = "English-German captions"
    return corpus_from_text(
        "multi30k",
        Pairs(english[:cut], german[:cut]),
        Pairs(english[cut:], german[cut:]),
        stand_in_description("multi30k", "Multi30k", COUNTS, what, "all of it: no sentence is from Multi30k"),
    )


def caption(draws: np.random.Generator) -> Phrase:
    """Draw one caption in both languages."""
    subject, predicate = _doer(draws)
    place = _place(draws) if draws.random() < 0.7 else None
    if place and draws.random() < 0.3:
        # A place that stands first: the German verb stays second, so the subject comes after it.
        english = f"{place.english}, {subject.phrase.english} {_english(predicate, subject)}"
        german = f"{place.german} {_main(predicate, subject, None, inverted=True)}"
    else:
        english = _joined(subject.phrase.english, _english(predicate, subject), place and place.english)
        german = _main(predicate, subject, place, inverted=False)
    if draws.random() < 0.2:
        other, doing = _doer(draws)
        english += f" while {other.phrase.english} {_english(doing, other)}"
        german += f", während {other.phrase.german} {_last(doing, other.plural)}"
    return Phrase(f"{english[0].upper()}{english[1:]}.", f"{german[0].upper()}{german[1:]}.")


@dataclass(frozen=True)
class Predicate:
    """What is done: the verb, and the object (accusative) if it has one."""

    verb: Verb
    object: Phrase | None


def _main(predicate: Predicate, subject: Subject, place: Phrase | None, *, inverted: bool) -> str:
    """Write a German main clause from the subject on, or from the verb on where the place stands first."""
    verb = predicate.verb
    finite = verb.plural if subject.plural else verb.singular
    start = [finite, subject.phrase.german] if inverted else [subject.phrase.german, finite]
    return _joined(*start, place and place.german, predicate.object and predicate.object.german, verb.particle)


def _last(predicate: Predicate, plural: bool) -> str:
    """Write what follows the subject in a German subordinate clause: the verb, particle and all, comes last."""
    verb = predicate.verb
    finite = verb.particle + (verb.plural if plural else verb.singular)
    return _joined(predicate.object and predicate.object.german, finite)


def _english(predicate: Predicate, subject: Subject) -> str:
    doing = f"{'are' if subject.plural else 'is'} {predicate.verb.english}"
    return f"{doing} {predicate.object.english}" if predicate.object else doing


def _doer(draws: np.random.Generator) -> tuple[Subject, Predicate]:
    if draws.random() < 0.15:
        noun, verb = _one(draws, list(ANIMALS.values())), _one(draws, ALONE)
        return _subject(draws, noun, COATS, dressed=False), Predicate(verb, None)
    subject = _subject(draws, _one(draws, list(PEOPLE.values())), AGES, dressed=True)
    if draws.random() < 0.4:
        return subject, Predicate(_one(draws, ALONE_PEOPLE), None)
    verb = _one(draws, list(WITH_OBJECT))
    adjective = _one(draws, COLOURS + SIZES) if draws.random() < 0.4 else None
    return subject, Predicate(verb, noun_phrase(_one(draws, list(WITH_OBJECT[verb].values())), "accusative", adjective))


def _subject(draws: np.random.Generator, noun: Noun, adjectives: Sequence[Phrase], *, dressed: bool) -> Subject:
    number = _one(draws, NUMBERS) if draws.random() < 0.3 else None
    worn_number = NO_NUMBER if number else None  # several people wear several clothes
    adjective = _one(draws, adjectives) if draws.random() < 0.5 else None
    phrase = noun_phrase(noun, "nominative", adjective, number)
    kind = draws.random() if dressed else 1.0
    if kind < 0.35:
        worn, english, german = _one(draws, [(CLOTHES, "in", "in"), (HEADWEAR, "with", "mit")])
        dress = noun_phrase(_one(draws, list(worn.values())), "dative", _one(draws, COLOURS), worn_number)
        phrase = Phrase(f"{phrase.english} {english} {dress.english}", f"{phrase.german} {german} {dress.german}")
    elif kind < 0.5:
        # "Who is wearing ...": in German a pronoun of the noun's gender, and the verb last, between commas.
        hat = _one(draws, list((CLOTHES | HEADWEAR).values()))
        wearing = Predicate(WEARING, noun_phrase(hat, "accusative", _one(draws, COLOURS), worn_number))
        pronoun = "die" if number else RELATIVE[noun.gender]
        clause = _english(wearing, Subject(phrase, number is not None))
        german = f"{phrase.german}, {pronoun} {_last(wearing, number is not None)},"
        phrase = Phrase(f"{phrase.english} who {clause}", german)
    return Subject(phrase, number is not None)


def _place(draws: np.random.Generator) -> Phrase:
    preposition, noun = _one(draws, PLACES)
    adjective = _one(draws, SIZES) if draws.random() < 0.3 else None
    if draws.random() < 0.5:
        phrase = noun_phrase(noun, "dative", adjective)
        return Phrase(f"{preposition.english} {phrase.english}", f"{preposition.german} {phrase.german}")
    words = Phrase(noun.english, noun.german)
    if adjective:
        words = Phrase(f"{adjective.english} {words.english}", f"{adjective.german}en {words.german}")
    article = f"{preposition.german} {DEFINITE_DATIVE[noun.gender]}"
    return Phrase(f"{preposition.english} the {words.english}", f"{CONTRACTIONS.get(article, article)} {words.german}")


def noun_phrase(noun: Noun, case: str, adjective: Phrase | None = None, number: Phrase | None = None) -> Phrase:
    """Write a noun with the indefinite article, or in the plural with a number (an empty one for none at all)."""
    if number:
        article, ending = number.german, PLURAL_ENDING[case]
        german = noun.german_plural
        if case == "dative" and german[-1] not in "ns":
            german += "n"
        english = _joined(number.english, adjective and adjective.english, noun.english_plural)
    else:
        article, ending = INDEFINITE[case][noun.gender]
        german = noun.german
        english = _joined(adjective and adjective.english, noun.english)
        english = f"{'an' if english[0] in 'aeiou' else 'a'} {english}"
    return Phrase(english, _joined(article, adjective and adjective.german + ending, german))


def _joined(*words: str | None) -> str:
    return " ".join(filter(None, words))


def _one(draws: np.random.Generator, choices: Sequence[T]) -> T:
    return choices[int(draws.integers(len(choices)))]
