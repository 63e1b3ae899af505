"""A forecast and its check in plain text."""

import os

import pandas as pd

from dropscape.cost_model.forecast import WITHIN, against_records, by_stage, longest
from dropscape.resolved.workflow import Workflow


def page(table: pd.DataFrame, workflow: Workflow, cores: str, gpus: int = 0) -> str:
    """What the jobs cost by stage, and how long they take at least on so many cores (a number or ``all``) and GPUs."""
    stages, count = by_stage(table), os.cpu_count() or 1 if cores == "all" else int(cores)
    together = stages.loc["together"]
    device = workflow.user.device
    gpu = (lambda hours: "-") if device == "cpu" else _hours
    lines = [
        f"Scale {workflow.user.scale}, device {device}: what is left to be made, before anything runs.",
        "",
        f"{'stage':14}{'jobs':>7}{'cores':>7}{'core-hours':>13}{'GPU-hours':>12}"
        f"{'beside':>9}{'memory':>11}{'disk':>11}",
        *(
            f"{stage:14}{row['jobs']:>7.0f}{row['threads']:>7.0f}{_hours(row['core_hours']):>13}"
            f"{gpu(row['gpu_hours']):>12}{gpu(row['beside_gpu']):>9}{_size(row['memory']):>11}{_size(row['disk']):>11}"
            for stage, row in stages.iterrows()
        ),
        "",
        "Cores and memory are those of the largest job. Core-hours are without a GPU, on a core of the machine that "
        "src/dropscape/cost_model/rates.py names.",
        "With GPUs it takes the GPU-hours instead, and the core-hours in `beside` as well; their rates are estimates "
        "for an NVIDIA H200.",
        _elapsed(f"{count} cores without a GPU", together["core_hours"] / count, *longest(table, gpu=False)),
    ]
    if gpus and device != "cpu":
        least = max(together["gpu_hours"] / gpus, together["beside_gpu"] / count)
        lines.append(_elapsed(f"{gpus} GPUs and {count} cores", least, *longest(table, gpu=True)))
    if missing := sorted(table.loc[~table["counted"], "rule"].unique()):
        lines.append(f"Not counted: {int(together['not_counted'])} jobs of {', '.join(missing)}.")
    return "\n".join(lines)


def _elapsed(machine: str, least: float, chain: float, job: str, hours: float) -> str:
    return (
        f"On {machine} it takes at least {_hours(max(least, chain))} hours: all work shared out {_hours(least)}, the "
        f"longest chain of jobs {_hours(chain)}, the longest job {_hours(hours)} ({job.strip()})."
    )


def comparison(table: pd.DataFrame) -> str:
    """By stage the forecast and the recorded seconds, and the share of stages and jobs within the factor."""
    jobs = against_records(table[table["counted"]])
    if jobs.empty:
        return "No job of this configuration has a benchmark file yet."
    grouped = jobs.groupby("rule", sort=False)
    rules = grouped[["seconds", "recorded"]].sum().assign(jobs=grouped.size())
    rules["memory"] = (grouped["memory"].max() / grouped["recorded_memory"].max()).round(2)
    rules["ratio"] = rules["seconds"] / rules["recorded"]
    close = rules["ratio"].between(1 / WITHIN, WITHIN)
    ratios = jobs["seconds"] / jobs["recorded"]
    lines = [
        f"{'rule':26}{'jobs':>6}{'forecast s':>13}{'recorded s':>13}{'ratio':>8}{'memory':>9}",
        *(
            f"{rule:26}{row['jobs']:>6.0f}{row['seconds']:>13.1f}{row['recorded']:>13.1f}{row['ratio']:>8.2f}"
            f"{row['memory']:>9.2f}{'' if close[rule] else '   more than a factor of 2'}"
            for rule, row in rules.iterrows()
        ),
        "",
        f"Within a factor of {WITHIN:g}: {close.sum()} of {len(close)} rules, "
        f"{ratios.between(1 / WITHIN, WITHIN).sum()} of {len(ratios)} jobs; together "
        f"{jobs['seconds'].sum():,.0f} s forecast, {jobs['recorded'].sum():,.0f} s recorded.",
        "`ratio` is forecast by recorded seconds, `memory` forecast by recorded memory of the largest job.",
    ]
    return "\n".join(lines)


def _hours(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _size(gigabytes: float) -> str:
    return f"{gigabytes:,.1f} GB" if gigabytes >= 1 else f"{gigabytes * 1000:,.0f} MB"
