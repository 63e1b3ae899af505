"""What differs from the papers' own settings, which are those of the study files, in short phrases.

Every key counts but for those that are marked ``SPEED_ONLY`` where they are defined. Seeds count where there are fewer.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from dropscape.resolved.phrases import (
    IF_NONE,
    examples_of,
    in_words,
    of_grid,
    of_presence,
    of_runs,
    of_value,
)
from dropscape.schema import SPEED_ONLY

NOT_WHOLE = "a set-up that no study file has whole"
_FIRST = ("data", "model")  # are said first


def deviations(paper: BaseModel | None, actual: BaseModel) -> tuple[str, ...]:
    """The settings that differ from the paper's, in their order, each phrase once.

    ``paper`` is None for settings of which no study file has any, or only a part.
    """
    return (NOT_WHOLE,) if paper is None else tuple(differences(paper, actual))


def differences(paper: BaseModel, actual: BaseModel, keys: Collection[str] | None = None) -> list[str]:
    """The phrases of all keys of two settings, or of the keys that are given."""
    examples = examples_of(getattr(getattr(actual, "data", None), "dataset", None))
    return list(dict.fromkeys(_of_models(paper, actual, (), examples, keys)))


def _of_models(
    paper: BaseModel, actual: BaseModel, above: Sequence[str], examples: str, keys: Collection[str] | None = None
) -> Iterator[str]:
    """The phrases of two models; a key that only one has is none of the other."""
    fields = _counting({**type(paper).model_fields, **type(actual).model_fields})
    for key in sorted(fields if keys is None else keys, key=lambda key: key not in _FIRST):
        theirs, ours = (getattr(one, key, None) for one in (paper, actual))
        yield from _of_key((*above, key), theirs, ours, examples)


def _counting(fields: Mapping[str, Any]) -> list[str]:
    """The keys that decide more than speed."""
    return [key for key, field in fields.items() if SPEED_ONLY not in field.metadata]


def _of_key(path: Sequence[str], theirs: Any, ours: Any, examples: str) -> Iterator[str]:
    """The phrases of one key, which may have keys of its own."""
    theirs, ours = (IF_NONE.get(path[-1]) if value is None else value for value in (theirs, ours))
    if theirs == ours:
        return
    if path[-1] == "seeds":
        if len(ours) < len(theirs):
            yield f"{len(ours)} of {len(theirs)} seeds"
    elif _holds_models(theirs) or _holds_models(ours):
        yield from _of_named(path, theirs or {}, ours or {}, examples)
    elif isinstance(theirs, BaseModel) and isinstance(ours, BaseModel):
        yield from _of_models(theirs, ours, path, examples)
    elif isinstance(theirs, BaseModel) or isinstance(ours, BaseModel):
        yield of_presence(path, ours)
    else:
        yield of_value(path, _plain(theirs), _plain(ours), examples)


def _of_named(
    path: Sequence[str], theirs: Mapping[str, BaseModel], ours: Mapping[str, BaseModel], examples: str
) -> Iterator[str]:
    """The phrases of runs: how many there are, and which of their keys have other values."""
    common = [name for name in theirs if name in ours]
    if len(common) < len(ours):
        yield f"{len(ours)} {in_words(path[-1])} for {len(theirs)}"
    elif len(common) < len(theirs):
        yield f"{len(common)} of {len(theirs)} {in_words(path[-1])}"
    models = [*theirs.values(), *ours.values()]
    for key in _counting({key: field for one in models for key, field in type(one).model_fields.items()}):
        where = (*path[:-1], key)
        pairs = [(getattr(theirs[name], key), getattr(ours[name], key)) for name in common]
        if changed := [(theirs, ours) for theirs, ours in pairs if theirs != ours]:
            yield of_runs(where, changed, examples)
        elif len(common) < max(len(theirs), len(ours)):
            values = [[getattr(one, key) for one in runs.values()] for runs in (theirs, ours)]
            yield from of_grid(where, *values, examples)


def _holds_models(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(one, BaseModel) for one in value.values())


def _plain(value: Any) -> Any:
    """A value without models and tuples."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
