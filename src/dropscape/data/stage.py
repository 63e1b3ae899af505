"""The data stage: a source in, a prepared dataset out."""

from collections.abc import Mapping

from dropscape.data.prepared import write_prepared
from dropscape.data.sources import load_dataset


def prepare(name: str, settings: Mapping[str, str | None], outputs: Mapping[str, str]) -> None:
    """Load the dataset ``name`` from the configured source and write it with its description.

    Raises:
        ConfigurationError, DataError: as ``load_dataset``; nothing is written then.
    """
    dataset = load_dataset(name, settings["source"], directory=settings["directory"], cache=settings["download_cache"])
    write_prepared(outputs["data"], outputs["description"], dataset)
