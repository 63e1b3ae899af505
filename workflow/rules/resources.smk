# What jobs ask of a scheduler. A local run heeds the GPU only.
from functools import cache

from dropscape.config.requests import Requests


@cache
def requests_of(experiment, run):
    """What the jobs of a run ask for."""
    return Requests(EXPERIMENTS[experiment], run, USER.device)


def asks_of(name):
    """The resources of the rule ``name`` of one run."""

    def runtime(wildcards, attempt):
        return requests_of(*wildcards).minutes(name, attempt)

    def mem_mb(wildcards, attempt):
        return requests_of(*wildcards).mega_bytes(attempt)

    return {
        "gpu": lambda wildcards: requests_of(*wildcards).gpu(name),
        "runtime": runtime,
        "mem_mb": mem_mb,
    }


def group_of(name):
    """The submission that a job of the rule ``name`` of one run shares with others."""

    def group(wildcards):
        kind = requests_of(*wildcards).group(name)
        # Runs of one experiment are drawn together, so that what fails holds up nothing else.
        return shared(
            kind,
            *{"short": [wildcards.experiment], "gpu": [wildcards.experiment, name]}.get(
                kind, []
            ),
        )

    return group


def shared(kind, *of):
    """The group, where the profile says how many of its kind are one submission; also inside of a submission."""
    if (
        kind not in workflow.group_settings.group_components
        and not workflow.remote_exec
    ):
        return None
    if not of:
        return kind
    group = "-".join([kind, *of])
    workflow.parent_groupids[group] = kind
    return group
