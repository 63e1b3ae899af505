"""How a setting that is not the paper's is said: ``2,000 of 10,000 training images``, ``learning rate 0.1 for 0.01``.

A key that is not in the tables below is said by its own words, behind those of its section.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dropscape.config.user import DATASETS
from dropscape.data.settings import MAX_TOKENS, MIN_FREQUENCY

# Words in the place of a key's own, or of a section's.
_WORDS = {
    "train_examples": "training {examples}",
    "test_examples": "test {examples}",
    "keep_prob": "keep probability",
    "keep_probs": "keep probabilities",
    "warmup_steps": "warm-up steps",
    "ghost_batch_size": "batch-norm group",
    "dropout_after": "dropout layer",
    "d_model": "embedding width",
    "d_k": "width of a head",
    "d_ff": "feed-forward width",
    "name": "network",
    "side": "pixels a side",
    "factors": "loss factors",
    "max_width": "widest interval",
    "rise": "loss rise at a slice's width",
    "baseline_samples": "random matrices of the baseline",
    "slices": "slice",
    "gradients": "gradient",
    "interpolations": "interpolation",
}
# Sections whose name tells what the key is of, and keys that are clear without.
_TELLING = ("slices", "gradients", "interpolations", "flatness", "alignment", "ratio", "condensation", "expected")
_CLEAR = ("recorded_steps", "keep_probs", "baseline_samples", "eigenvector_steps", "factors", "rise", "max_width")
_AMOUNTS = ("flow_time", "width", "hidden", "d_model", "d_k", "d_ff")  # of which less is a part
# What null stands for.
IF_NONE = {
    "max_tokens": MAX_TOKENS,
    "min_frequency": MIN_FREQUENCY,
    "normalisation": "the dataset's",
    "batch_size": "all",
    "ghost_batch_size": "all",
    "gradient_penalty_weight": "the learning rate",
    "initial_scale": "torch's",
    "start": "the initialisation",
}
_FEW = 4  # values of a list are named up to so many


def of_value(path: Sequence[str], paper: Any, actual: Any, examples: str) -> str:
    """The phrase for one value; ``path`` is the key behind those above it, ``examples`` what the data are made of."""
    noun, key = _noun(path, examples), path[-1]
    if isinstance(actual, list) and isinstance(paper, list):
        return _of_lists(path, noun, paper, actual)
    if any(isinstance(one, Mapping) for value in (paper, actual) if isinstance(value, list) for one in value):
        return f"other {_plural(noun)}"
    if _are_numbers([actual, paper]) and actual < paper:
        if key in _AMOUNTS:
            return f"{noun} {_shown(actual)} of {_shown(paper)}"
        if _stands_behind(noun, [actual, paper]):
            return f"{_shown(actual)} of {_shown(paper)} {noun}"
    if key == "dataset":
        return f"{_title(actual)} for {_title(paper)}"
    return f"{noun} {_shown(actual)} for {_shown(paper)}"


def of_runs(path: Sequence[str], changed: Sequence[tuple[Any, Any]], examples: str) -> str:
    """The phrase for a key that (the paper's, our) values of some runs have."""
    papers, actuals = (_distinct(values) for values in zip(*changed, strict=True))
    if len(papers) == len(actuals) == 1:
        return of_value(path, papers[0], actuals[0], examples)
    noun = _noun(path, examples)
    if _stands_behind(noun, [*papers, *actuals]) and all(ours < theirs for theirs, ours in changed):
        return f"{_range(actuals)} of {_range(papers)} {noun}"
    return f"{noun} {_spread(actuals)} for {_spread(papers)}"


def of_grid(path: Sequence[str], papers: Sequence[Any], actuals: Sequence[Any], examples: str) -> Iterator[str]:
    """The phrase for a key of runs that are not the paper's runs, if its values are not the paper's either."""
    theirs, ours = _distinct(papers), _distinct(actuals)
    noun = _noun(path, examples)
    many = f"numbers of {noun}" if path[-1] == "train_examples" else _plural(noun)
    if any(value not in theirs for value in ours):
        yield f"{many if len(ours) > 1 else noun} {_spread(ours)} for {_spread(theirs)}"
    elif len(ours) < len(theirs):
        yield f"{len(ours)} of {len(theirs)} {many}"


def of_presence(path: Sequence[str], actual: Any) -> str:
    """The phrase for a section that only one side has."""
    return f"no {in_words(path[-1])}" if actual is None else f"{in_words(path[-1])} besides"


def examples_of(dataset: str | None) -> str:
    """What the examples of a dataset are: images, sentence pairs or points."""
    kind = DATASETS.get(dataset)
    if kind is None:
        return "examples"
    if kind.has_pairs:
        return "sentence pairs"
    return "points" if kind.sources() == ["embedded"] else "images"


def in_words(name: str) -> str:
    """A key as words."""
    return name.replace("_", " ")


def _noun(path: Sequence[str], examples: str) -> str:
    section = path[-2] if len(path) > 1 and path[-2] in _TELLING and path[-1] not in _CLEAR else ""
    said = [_WORDS.get(key, in_words(key)) for key in (section, path[-1]) if key]
    return " ".join(said).format(examples=examples)


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return noun if noun.endswith("s") else f"{noun}s"


def _stands_behind(noun: str, values: Sequence[Any]) -> bool:
    """Whether the noun stands behind its number: ``60 steps``, unlike ``batch size 60``."""
    return noun.endswith("s") and all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _of_lists(path: Sequence[str], noun: str, paper: Sequence[Any], actual: Sequence[Any]) -> str:
    if len(actual) < len(paper) and all(value in paper for value in actual):
        part = f"{len(actual)} of {len(paper)} {_plural(noun)}"
        if isinstance(max(paper, key=str), int) and max(actual) < max(paper):
            return f"{part} (to {_shown(max(actual))} of {_shown(max(paper))})"
        return part
    if any(isinstance(one, list | Mapping) for one in [*paper, *actual]):
        return f"other {_plural(noun)}" + ("" if len(actual) == len(paper) else f" ({len(actual)} for {len(paper)})")
    if tuple(path) == ("model", "widths"):
        return f"{noun} {'-'.join(map(str, actual))} for {'-'.join(map(str, paper))}"
    return f"{noun} {_spread(actual)} for {_spread(paper)}"


def _distinct(values: Sequence[Any]) -> list[Any]:
    """Each value once, numbers sorted."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return sorted(found) if _are_numbers(found) else found


def _spread(values: Sequence[Any]) -> str:
    """Some values; of many numbers only the smallest and the largest one."""
    return _range(values) if len(values) > _FEW and _are_numbers(values) else " / ".join(map(_shown, values))


def _range(numbers: Sequence[Any]) -> str:
    ends = [_shown(end) for end in (min(numbers), max(numbers))]
    return " to ".join(dict.fromkeys(ends))


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _shown(value: Any) -> str:
    """A value as a reader sees it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int | float):
        return f"{value:,.0f}" if value >= 1000 and value == int(value) else f"{value:g}"
    if isinstance(value, list):
        return _spread(value)
    if isinstance(value, Mapping):
        return " ".join(f"{in_words(str(key))} {_shown(one)}" for key, one in value.items())
    return in_words(str(value))


def _title(dataset: Any) -> str:
    return DATASETS[dataset].title if dataset in DATASETS else str(dataset)
