"""The subnetworks stage: the accuracies of all widths as one table."""

from dropscape.artifacts.files import join_tables
from dropscape.jobs import Job


def join_widths(job: Job) -> None:
    """Write the rows of the widths' ``accuracies`` as one table."""
    join_tables(job.inputs["accuracies"], job.outputs["accuracies"])
