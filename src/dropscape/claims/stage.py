"""The claims stage: tables in, a verdict per claim out."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.artifacts.files import read_json, write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.claims.judge import judge
from dropscape.claims.tables import tables_of


def judge_all(
    settings: Mapping[str, Any],
    files: Mapping[str, Sequence[str]],
    outputs: Mapping[str, str],
) -> None:
    """Judge every claim and write ``claims`` and ``by_run``.

    Args:
        settings: claims, experiments (of each claim), descriptions (path of that of each experiment's data), runs,
            theory_tables (the study and name of each), whole_tables (by kind the experiments that have such a table as
            a whole) and scale.
        files: paths of the tables by kind, in the order of ``settings``' runs.
    """
    tables = tables_of(settings["runs"], files, settings["theory_tables"], settings["whole_tables"])
    described = {path: read_json(path) for path in sorted(set(settings["descriptions"].values()))}
    data = {experiment: described[path]["label"] for experiment, path in settings["descriptions"].items()}
    by_name = {claim["name"]: claim for claim in settings["claims"]}
    claims, by_run = judge(by_name, tables, settings["experiments"], data, settings["scale"])
    write_table(outputs["claims"], claims)
    write_table(outputs["by_run"], by_run)
    write_json(outputs["provenance"], provenance("claims", settings, {"datasets": list(described.values())}))
