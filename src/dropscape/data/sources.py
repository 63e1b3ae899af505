"""The datasets and where each can come from.

A dataset is added by one entry of ``DATASETS``: its name, and for each source a function that loads it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dropscape.data import captions, cifar, mnist, multi30k, points, textures
from dropscape.data.corpus import Corpus
from dropscape.data.dataset import Dataset
from dropscape.data.points import GENERATED, Points
from dropscape.errors import ConfigurationError


@dataclass(frozen=True)
class SourceOptions:
    """What the configuration says about where data comes from; a source reads what it needs."""

    directory: str | None
    cache: str | None


DATASETS: dict[str, dict[str, Callable[[SourceOptions], Dataset | Corpus | Points]]] = {
    "mnist": {
        "official": lambda options: mnist.official(options.cache),
        "directory": lambda options: mnist.directory(options.directory),
        "embedded": lambda options: mnist.embedded(),
    },
    "cifar10": {
        "official": lambda options: cifar.official(cifar.CIFAR10, options.cache),
        "directory": lambda options: cifar.directory(cifar.CIFAR10, options.directory),
        "embedded": lambda options: textures.embedded(10),
    },
    "cifar100": {
        "official": lambda options: cifar.official(cifar.CIFAR100, options.cache),
        "directory": lambda options: cifar.directory(cifar.CIFAR100, options.directory),
        "embedded": lambda options: textures.embedded(100),
    },
    "multi30k": {
        "official": lambda options: multi30k.official(options.cache),
        "directory": lambda options: multi30k.directory(options.directory),
        "embedded": lambda options: captions.embedded(),
    },
    # Generated points are what they are, not a stand-in: they have no other source.
    **{name: {"embedded": lambda options, name=name: points.generated(name)} for name in GENERATED},
}


def load_dataset(name: str, source: str, *, directory: str | None, cache: str | None) -> Dataset | Corpus | Points:
    """The whole dataset, in memory; see ``Dataset``, ``Corpus`` and ``Points`` for shapes, dtypes and the description.

    Args:
        name: a key of ``DATASETS``.
        source: ``official`` (download into ``cache``, checksums verified), ``directory`` (a folder with the
            official files) or ``embedded`` (no network).
        directory: the folder, for the source ``directory``.
        cache: where the source ``official`` downloads to.

    Raises:
        ConfigurationError: there is no such dataset or source, or the source lacks its folder.
        DataError: the data cannot be reached, is damaged or is not what it claims to be.
    """
    if name not in DATASETS:
        raise ConfigurationError(
            f"`dataset` in the study file is '{name}', which does not exist; write one of: {', '.join(DATASETS)}."
        )
    if source not in DATASETS[name]:
        raise ConfigurationError(
            f"`source` in the configuration is '{source}', which does not exist for the dataset '{name}'; "
            f"write one of: {', '.join(DATASETS[name])}."
        )
    return DATASETS[name][source](SourceOptions(directory, cache))
