# What jobs ask of a scheduler. A local run heeds the GPU only.
from functools import cache

from dropscape.plan.devices import gpus_of

# How often a state is saved: not a parameter, since it must not decide whether a job is redone; a whole number, because
# a submission adds up what its jobs ask for.
CHECKPOINT_MS = round(1000 * USER.checkpoint_seconds)


# Whether a scheduler is asked: by the main process, under a profile that says what jobs ask for by default.
SUBMITTING = workflow.is_main_process and "mem_mb" in (
    workflow.resource_settings.default_resources or {}
)


@cache
def requests():
    """What all jobs ask for. Counting takes torch, which no job is to wait for."""
    from dropscape.plan.requests import Requests

    return Requests(SETTINGS)


def asks_of(name):
    """The resources of the rule ``name``."""
    gpu = {"gpu": lambda wildcards: gpus_of(name, SETTINGS, wildcards)}
    if not SUBMITTING:
        return gpu

    def asked(wildcards):
        return requests().of(name, dict(wildcards.items()))

    return gpu | {
        "runtime": lambda wildcards, attempt: asked(wildcards).minutes(attempt),
        "mem_mb": lambda wildcards, attempt: asked(wildcards).mega_bytes(attempt),
    }


def group_of(name):
    """The submission that a job of the rule ``name`` shares with others."""

    def group(wildcards):
        if not workflow.group_settings.group_components:
            return shared(None)
        kind = requests().group(name, dict(wildcards.items()))
        # Runs of one experiment are drawn together, theory of one study, so that what fails holds up nothing else.
        owner = wildcards[0]
        return shared(kind, *{"short": [owner], "gpu": [owner, name]}.get(kind, []))

    return group


def shared(kind, *of):
    """The group, where the profile says how many of its kind are one submission."""
    if workflow.remote_exec:
        return "submission"  # what is in it was decided when it was submitted
    if kind not in workflow.group_settings.group_components:
        return None
    group = "-".join([kind, *of])
    workflow.parent_groupids[group] = kind
    return group
