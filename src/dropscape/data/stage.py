"""The data stage: a source in, a prepared dataset out."""

from collections.abc import Mapping

from dropscape.data.own import own
from dropscape.data.prepared import write_prepared
from dropscape.data.sources import load_dataset


def prepare(name: str, settings: Mapping[str, str | None], outputs: Mapping[str, str]) -> None:
    """Load the dataset ``name`` from its function or the configured source; write it with its description.

    Raises:
        ConfigurationError, DataError: as ``own`` and ``load_dataset``; nothing is written then.
    """
    if settings["function"]:
        write_prepared(outputs["data"], outputs["description"], own(name, settings["function"]))
        return
    dataset = load_dataset(name, settings["source"], directory=settings["directory"], cache=settings["download_cache"])
    write_prepared(outputs["data"], outputs["description"], dataset)
