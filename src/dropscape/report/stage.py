"""The report stage: the claims table in, the report's first page out. Snakemake makes the rest of the report."""

from dropscape.artifacts.files import atomic_write
from dropscape.jobs import Job
from dropscape.report.first_page import first_page
from dropscape.report.verdicts import read_claims


def write_first_page(job: Job) -> None:
    """Write ``page``; the settings are ``papers`` and ``figures``, as ``first_page`` takes them."""
    page = first_page(read_claims(job.inputs["claims"]), job.settings["papers"], job.settings["figures"])
    with atomic_write(job.outputs["page"]) as temporary:
        temporary.write_text(page, encoding="utf-8")
