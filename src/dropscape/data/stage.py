"""The data stage reads a dataset from its source and writes it as tensors."""

from importlib import import_module

from dropscape.data.custom import custom
from dropscape.data.kind import DatasetKind
from dropscape.data.prepared import write_prepared
from dropscape.discovery import subclasses
from dropscape.jobs import Job


def prepare(job: Job) -> None:
    """Load the dataset of the job's name from its function or the configured source; write it only if it is whole."""
    settings = job.settings
    if settings["function"]:
        dataset = custom(job.name, settings["function"])
    else:
        (kind,) = subclasses({"": import_module(f"dropscape.data.datasets.{job.name}")}, DatasetKind)
        dataset = kind.load(settings["source"], settings["directory"], settings["download_cache"])
        dataset.description.setdefault("channels", kind.channels)
    write_prepared(job.outputs["data"], job.outputs["description"], dataset)
