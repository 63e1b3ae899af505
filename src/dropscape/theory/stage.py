"""The theory stage: what a paper proves, on networks small enough to check it exactly."""

from importlib import import_module

import torch  # noqa: F401  before the job sets its threads; the tables import it by name

from dropscape.artifacts.files import write_table
from dropscape.jobs import Job


def make_table(job: Job) -> None:
    """Write the table that ``dropscape.theory.tables.<name>`` makes; the settings are its arguments."""
    name = job.name.rpartition("/")[2]
    write_table(job.outputs["table"], import_module(f"dropscape.theory.tables.{name}").table(**job.settings))
