"""What every dataset says of itself.

A dataset is a file ``data/datasets/<name>.py`` with a subclass of ``DatasetKind``; nothing lists them. The workflow
reads the files, so they load torch only in the methods that need it.
"""

from pathlib import Path
from typing import Any, ClassVar

from dropscape.errors import ConfigurationError

SOURCES = ("official", "directory", "embedded")


class DatasetKind:
    """A dataset and where it can come from: a static method for each of ``SOURCES`` that it has.

    ``official(cache)`` downloads, checksums verified; ``directory(folder)`` reads a folder with the official files;
    ``embedded()`` needs no network. Each returns the whole dataset (``Dataset``, ``Corpus`` or ``Points``).
    """

    title: ClassVar[str]  # what figures call it
    # Mean and standard deviation of each channel over all pixels of the official training images, from 0 to 1, as they
    # are commonly published.
    channels: ClassVar[tuple[tuple[float, ...], tuple[float, ...]] | None] = None
    # Known before anything is read, so that what cannot fit is refused before any job; empty or None: not known.
    sizes: ClassVar[dict[str, tuple[int, int]]] = {}  # training and test examples of each source
    example_shape: ClassVar[tuple[int, ...] | None] = None  # as networks read one
    outputs: ClassVar[int | None] = None  # classes, or values of a regression
    has_pairs: ClassVar[bool] = False  # sentence pairs, which a transformer reads
    example_bytes: ClassVar[int] = 0  # of one example, for forecasts

    @classmethod
    def sources(cls) -> list[str]:
        """List where it can come from."""
        return [source for source in SOURCES if hasattr(cls, source)]

    @classmethod
    def files_in(cls, folder: str) -> list[Path]:
        """List the files of a folder of the user's that ``directory`` reads, as far as they are there."""
        return []

    @classmethod
    def load(cls, source: str, directory: str | None, cache: str | None) -> Any:
        """Load the dataset from one of its sources; a ConfigurationError or DataError says what is missing or wrong."""
        if source not in cls.sources():
            raise ConfigurationError(
                f"{cls.title} has no source '{source}': write source: {{<dataset>: {cls.sources()[0]}}} for it "
                f"(it has {', '.join(cls.sources())})."
            )
        argument = {"official": [cache], "directory": [directory], "embedded": []}[source]
        return getattr(cls, source)(*argument)


class ReleasedDataset(DatasetKind):
    """A dataset with an official release."""

    @classmethod
    def release(cls) -> Any:
        """Import its release, a ``data.release.Release``, without torch."""
        raise NotImplementedError

    @classmethod
    def files_in(cls, folder: str) -> list[Path]:
        """List the files of the release in a folder."""
        return list(cls.release().found_in(Path(folder).expanduser()).values())

    @classmethod
    def official(cls, cache: str | None) -> Any:
        """Download the release."""
        return cls.release().official(cache)

    @classmethod
    def directory(cls, folder: str | None) -> Any:
        """Read a folder with the official files."""
        return cls.release().directory(folder)
