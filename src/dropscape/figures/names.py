"""What figures call experiments and layers, since their keys say little to a reader."""

import re
from collections.abc import Mapping, Sequence
from typing import Any


def experiment_titles(experiments: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Such as ``ResNet-20 on CIFAR-10`` by the names of the experiments of a figure's description.

    Two with the same network and dataset are told apart by the number of examples, or else by their names.
    """
    titles = network_titles(experiments)
    sizes = [f"{count_of(experiment['train_examples'])} examples" for experiment in experiments]
    names = [in_words(name) for name in titles]
    return dict(zip(titles, distinct(list(titles.values()), sizes, names), strict=True))


def network_titles(experiments: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Network and dataset by the experiments' names, which may be the same of two."""
    titles = {}
    for experiment in experiments:
        model = experiment["model"]
        in_words_of_model = f"network of {model}" if model.endswith("units") else f"{model} network"
        dataset = experiment["title"] or in_words(experiment["dataset"])
        titles[experiment["name"]] = f"{experiment['network'] or in_words_of_model} on {dataset}"
    return titles


def distinct(titles: Sequence[str], *details: Sequence[str]) -> list[str]:
    """The titles, and behind those that occur more than once the first of the details that tell them apart."""
    result = []
    for index, title in enumerate(titles):
        same = [other for other, text in enumerate(titles) if text == title]
        telling = [detail for detail in details if len({detail[other] for other in same}) == len(same)]
        result.append(f"{title}, {(telling or details)[0][index]}" if len(same) > 1 else title)
    return result


def in_words(name: str) -> str:
    """A key as words."""
    return name.replace("_", " ")


def count_of(examples: int | Sequence[int]) -> str:
    """A number, or the range of several."""
    return f"{examples:,}" if isinstance(examples, int) else f"{min(examples):,} to {max(examples):,}"


def layer_title(parameter: str) -> str:
    """What a figure calls the layer of a parameter: ``layer 1``, or ``stage 2, block 1, convolution 1``."""
    name = parameter.removesuffix(".weight")
    if dense := re.fullmatch(r"layers\.(\d+)", name):
        return f"layer {int(dense[1]) + 1}"
    if residual := re.fullmatch(r"stage(\d+)\.(\d+)\.conv(\d+)", name):
        return f"stage {residual[1]}, block {int(residual[2]) + 1}, convolution {residual[3]}"
    return in_words(name)
