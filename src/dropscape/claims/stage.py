"""The claims stage: a study's tables in, a verdict for each of its claims out."""

from dropscape.artifacts.files import join_tables, read_json, write_table
from dropscape.claims.judge import judge
from dropscape.claims.statistic import Run, Tables
from dropscape.jobs import Job


def judge_study(job: Job) -> None:
    """Judge the claims of a study and write ``claims`` and ``by_run``.

    The settings are claims (a list, in their order), experiments (of each claim; null for theory), descriptions (path
    of that of each experiment's data), deviations (of each claim from the paper), runs, tables (as
    ``TableFiles`` takes them) and scale.
    """
    settings = job.settings
    tables = Tables([Run(**run) for run in settings["runs"]], settings["tables"])
    datasets = {path: read_json(path) for path in sorted(set(settings["descriptions"].values()))}
    data = {experiment: datasets[path]["label"] for experiment, path in settings["descriptions"].items()}
    by_name = {claim["name"]: claim for claim in settings["claims"]}
    deviations = settings["deviations"]
    claims, by_run = judge(by_name, tables, settings["experiments"], data, settings["scale"], deviations)
    write_table(job.outputs["claims"], claims)
    write_table(job.outputs["by_run"], by_run)
    job.provenance({"datasets": list(datasets.values())})


def join_studies(job: Job) -> None:
    """Write the studies' verdicts as one table, and the verdicts by run as another, in the order of the studies."""
    for table in ("claims", "by_run"):
        join_tables(job.inputs[table], job.outputs[table])
