"""The report stage: the claims table in, the report's first page out. Snakemake makes the rest of the report."""

from collections.abc import Mapping
from typing import Any

from dropscape.artifacts.files import whole_file, write_json
from dropscape.artifacts.provenance import provenance
from dropscape.report.first_page import first_page
from dropscape.report.verdicts import read_claims


def write_first_page(settings: Mapping[str, Any], claims: str, outputs: Mapping[str, str]) -> None:
    """Write ``page`` and ``provenance``.

    Args:
        settings: ``figures``, as ``first_page`` takes them.
        claims: the claims table.
        outputs: paths.
    """
    page = first_page(read_claims(claims), settings["figures"])
    with whole_file(outputs["page"]) as temporary:
        temporary.write_text(page, encoding="utf-8")
    write_json(outputs["provenance"], provenance("report", settings))
