"""What the jobs of a workflow cost together, by stage, and how close forecasts are to what was recorded."""

import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pandas as pd

from dropscape.cost_model.cost import Cost
from dropscape.cost_model.job_costs import job_cost
from dropscape.cost_model.jobs import ListedJob
from dropscape.resolved.workflow import Workflow

WITHIN = 2.0  # the factor that a forecast is to be within


def forecasts(jobs: Iterable[ListedJob], workflow: Workflow) -> pd.DataFrame:
    """One row a job: stage, rule, job, what a ``ListedJob`` has, counted, what a ``Cost`` has, and ``beside``.

    The last are the seconds of the processor where there is a GPU. A job that nobody has counted (``job_cost``) has NaN
    for its costs and False as ``counted``.
    """
    rows = []
    for job in jobs:
        try:
            cost = job_cost(job.rule, workflow, job.wildcards)
        except LookupError:
            cost = None
        rows.append(
            {
                "stage": job.stage,
                "job": " ".join([job.rule, "/".join(job.wildcards.values())]),
                "counted": cost is not None,
            }
            | vars(job)
            | vars(cost or Cost(*[math.nan] * 6))
        )
    table = pd.DataFrame(rows)
    if rows:
        table["beside"] = table["seconds"].where(table["gpu_seconds"].isna(), table["beside_seconds"])
    return table


def by_stage(table: pd.DataFrame) -> pd.DataFrame:
    """One row a stage, in the order of the jobs, and their sum.

    Columns: jobs, not_counted, threads (of one job at most), core_hours without a GPU, gpu_hours and the core_hours
    beside_gpu with one, memory of one job at most and disk of all (GB).
    """
    grouped = table.groupby("stage", sort=False)
    stages = pd.DataFrame(
        {
            "jobs": grouped.size(),
            "not_counted": grouped["counted"].agg(lambda counted: int((~counted).sum())),
            "threads": grouped["threads"].max(),
            "core_hours": grouped["seconds"].sum() / 3600,
            "gpu_hours": grouped["gpu_seconds"].sum() / 3600,
            "beside_gpu": grouped["beside"].sum() / 3600,
            "memory": grouped["memory"].max() / 1e9,
            "disk": grouped["disk"].sum() / 1e9,
        }
    )
    most = ["threads", "memory"]
    stages.loc["together"] = {**stages.sum(), **stages[most].max()}
    return stages


def longest(table: pd.DataFrame, gpu: bool) -> tuple[float, str, float]:
    """Hours of the longest chain of jobs that need one another, with or without GPUs; the longest job and its hours."""
    seconds = (table["beside"] + table["gpu_seconds"].fillna(0) if gpu else table["seconds"]).fillna(0).tolist()
    makers = {path: number for number, paths in enumerate(table["outputs"]) for path in paths}
    inputs = table["inputs"].tolist()

    @cache
    def end(job: int) -> float:
        return seconds[job] + max((end(makers[path]) for path in inputs[job] if path in makers), default=0.0)

    last = max(range(len(table)), key=seconds.__getitem__)
    return max(map(end, range(len(table)))) / 3600, table["job"].iloc[last], seconds[last] / 3600


def against_records(table: pd.DataFrame) -> pd.DataFrame:
    """The jobs whose benchmark files are there, with what these say: recorded (seconds) and recorded_memory (bytes)."""
    there = table[table["benchmark"].map(lambda path: bool(path) and Path(path).is_file())].copy()
    records = [
        pd.read_csv(path, sep="\t", usecols=["s", "max_rss"], na_values="-").mean() for path in there["benchmark"]
    ]
    there["recorded"] = [record["s"] for record in records]
    there["recorded_memory"] = [record["max_rss"] * 2**20 for record in records]
    return there
