"""The theory stage: closed forms of paper A, section 8, against enumeration of every mask."""

from collections.abc import Mapping
from typing import Any

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.theory.study import theory_table


def study_run(settings: Mapping[str, Any], outputs: Mapping[str, str]) -> None:
    """Write the table of ``theory_table`` over random networks and keep probabilities."""
    table = theory_table(settings["networks"], settings["keep_probs"], settings["seed"])
    write_table(outputs["table"], table)
    write_json(outputs["provenance"], provenance("theory", settings))
