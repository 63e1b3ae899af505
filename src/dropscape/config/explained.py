"""Turns what pydantic finds wrong in a configuration into sentences that say what to write and where."""

import difflib
import reprlib
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from pydantic import ValidationError

from dropscape.config.experiment import NETWORKS
from dropscape.config.study import FIGURES, STAGE_FORMS
from dropscape.schema import BY_NAME, MANY, ONE, PATTERNS

EVERYTHING = "the configuration"
_NUMBER, _WHOLE, _KEYS = "write a number", "write a whole number", "write `key: value` lines below it"
_MAPPINGS = ("dict_type", "model_type", "model_attributes_type", "mapping_type")
_SAID: dict[str, str | Callable[[Any, Mapping[str, Any]], str]] = {
    **dict.fromkeys(["int_type", "int_parsing", "int_from_float", "int_parsing_size"], _WHOLE),
    **dict.fromkeys(["float_type", "float_parsing", "finite_number"], _NUMBER),
    **dict.fromkeys(["bool_type", "bool_parsing"], "write true or false"),
    **dict.fromkeys(_MAPPINGS, _KEYS),
    "string_type": lambda value, _: (
        "write a text" + ("" if value is None else ", in quotes in config/config.yaml, or as it is after make")
    ),
    "list_type": lambda value, _: f"write a list, such as [{value}]" if _is_scalar(value) else "write a list",
    "literal_error": lambda _, given: f"write {given['expected'].replace(chr(39), '')}",
    "greater_than_equal": lambda _, given: f"write at least {_number(given['ge'])}",
    "greater_than": lambda _, given: f"write more than {_number(given['gt'])}",
    "less_than_equal": lambda _, given: f"write at most {_number(given['le'])}",
    "less_than": lambda _, given: f"write less than {_number(given['lt'])}",
    "too_short": lambda _, given: f"write at least {given['min_length']} of them",
    "too_long": lambda _, given: f"write at most {given['max_length']} of them",
    "string_pattern_mismatch": lambda _, given: f"write {PATTERNS[given['pattern']]}",
}


def explained(error: ValidationError, content: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]) -> str:
    """One sentence for each thing that is wrong, by the place where it was written.

    Pydantic validated the content. ``layers`` are what was laid over each other, the last one on top, by where it
    stands; paths in them are those of the content without their first key if that is ``studies``.
    """
    problems = [(_written(problem["loc"]), problem) for problem in error.errors()]
    misspelt = _misspelt(problems, content, next(iter(layers.values())))
    said: dict[str, str] = {}  # its origin by sentence, so that each is said once
    for keys, problem in problems:
        name = next((name for name in misspelt if tuple(keys[: len(name)]) == name), None)
        below = keys[1:] if len(layers) > 1 and keys[:1] == ["studies"] else keys
        sentence = misspelt[name] if name else _sentence(".".join(below), problem)
        said.setdefault(sentence, _origin(below, layers))
    origins = [*layers, EVERYTHING]
    groups = groupby(sorted(said, key=lambda sentence: origins.index(said[sentence])), key=said.get)
    return " ".join(f"In {origin}: {'; '.join(sentences)}." for origin, sentences in groups)


def _sentence(key: str, problem: Mapping[str, Any]) -> str:
    kind, value, given = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "unknown_key":
        key = ".".join(filter(None, [key, str(given["key"])]))
        return f"'{key}' is not a known key (docs/configuration.md lists them): write {given['suggested']}"
    if kind == "value_error":
        said = str(given["error"])
        return f"{key}: {said}" if key else said
    if kind == "missing":
        return f"'{key}' is missing: write it"
    if kind == "union_tag_not_found":
        return f"'{key}' has no {given['discriminator']}: write {given['discriminator'].strip(chr(39))}"
    if kind == "union_tag_invalid":
        tag = given["discriminator"].strip("'")
        return f"'{key}.{tag}' is '{given['tag']}': write one of {given['expected_tags'].replace(chr(39), '')}"
    how = _SAID.get(kind, problem["msg"][0].lower() + problem["msg"][1:])
    return f"'{key}' is {reprlib.repr(value)}: {how if isinstance(how, str) else how(value, given)}"


def _misspelt(
    problems: Sequence[tuple[list[str], Mapping[str, Any]]], content: Any, written: Any
) -> dict[tuple[str, ...], str]:
    """A sentence for each new experiment, run or other named thing that lacks keys and is named almost like another.

    What is new is not in the ``written`` studies.
    """
    found = {}
    for keys, problem in problems:
        parent, name = _at(content, keys[:-2]), keys[-2] if len(keys) > 1 else ""
        below = [other for place, other in problems if place[: len(keys) - 1] == keys[:-1]]
        if problem["type"] in _MAPPINGS and problem["input"] is None:
            siblings = [key for key in _at(content, keys[:-1]) if key != keys[-1]]
            if nearest := difflib.get_close_matches(keys[-1], siblings, 1):
                found[tuple(keys)] = f"there is no '{'.'.join(keys[1:])}' to leave out by null: write {nearest[0]}"
        if problem["type"] != "missing" or any(other["type"] != "missing" for other in below):
            continue
        if name in _at(written, keys[1:-2]):
            continue
        if nearest := difflib.get_close_matches(name, [key for key in parent if key != name], 1):
            lacking = ", ".join(place[-1] for place, other in problems if place[:-1] == keys[:-1])
            found[tuple(keys[:-1])] = (
                f"there is no '{name}' in {'.'.join(keys[1:-2] if keys[0] == 'studies' else keys[:-2])}: write "
                f"{nearest[0]}, or for a new one {lacking} too"
            )
    return found


def _origin(keys: Sequence[str], layers: Mapping[str, Mapping[str, Any]]) -> str:
    """The layer that has most of the keys, the last one of several; what is wrong as a whole stands in all."""
    if not keys and len(layers) > 1:
        return EVERYTHING
    depths = {origin: _depth(layer, keys) for origin, layer in layers.items()}
    return max(reversed(list(layers)), key=depths.__getitem__)


def _depth(layer: Any, keys: Sequence[str]) -> int:
    for depth, key in enumerate(keys):
        if not isinstance(layer, Mapping) or key not in layer:
            return depth
        layer = layer[key]
    return len(keys)


def _at(content: Any, keys: Sequence[str]) -> Mapping[str, Any]:
    for key in keys:
        content = content.get(key, {}) if isinstance(content, Mapping) else {}
    return content if isinstance(content, Mapping) else {}


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, int | float | str)


def _written(place: Sequence[str | int]) -> list[str]:
    """The keys of an error's place that stand in a file: pydantic puts in which form of a key it took."""
    forms_of_key = {"model": _tags(NETWORKS, "name")}
    several = {section: _tags(forms, "algorithm") for section, forms in STAGE_FORMS.items() if len(forms) > 1}
    forms_of_named = {"figures": _tags(FIGURES, "kind")} | several
    keys = []
    for at, part in enumerate(place):
        before, above = (place[at - back] if at >= back else None for back in (1, 2))
        form = part in forms_of_key.get(before, ()) or part in forms_of_named.get(above, ()) or before == "statistic"
        if part not in (ONE, MANY, BY_NAME, "[key]") and not form:
            keys.append(str(part))
    return keys


def _tags(kinds: Sequence[type], key: str) -> set[str]:
    return {value for kind in kinds for value in kind.model_fields[key].annotation.__args__}
