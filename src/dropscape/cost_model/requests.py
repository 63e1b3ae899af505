"""What jobs ask of a scheduler, from what they cost: time, memory, and whether they share a submission.

Time and memory are limits and not forecasts, so they are generous: what is not used is given back. A training that its
limit ended goes on from its state, so that its attempts add up.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dropscape.cost_model.cost import with_start
from dropscape.cost_model.job_costs import job_cost
from dropscape.resolved.workflow import Workflow

START_MINUTES = 15  # Python, torch and reading data on a busy file system; jobs that compute next to nothing
MARGIN = 4  # a forecast is within a factor of 2 of what takes it, and a machine half as fast as the one of the rates
BASE_MB = 2000  # torch with what it needs of a GPU
MEMORY_MARGIN = 2  # what a forecast may be off; memory does not depend on the machine
MOST_MINUTES = 5 * 24 * 60  # many sites grant no more
# Seconds up to which what shares a submission of a kind is not worth more of them: a run, or one job.
MOST_SECONDS = {"run": 300, "measurements": 300, "short": 60, "gpu": 60}

# Jobs of whole experiments that follow on jobs which never follow on them.
FOLLOWING = ("curvature_sharpness", "flatness_interpolations", "subnetworks_accuracies")
# What is grouped by what it is, whatever it costs, where the profile says how many of the kind are one submission.
KINDS = {
    "figures": "figures",
    "claims": "claims",
    "claims_table": "claims",
    "report": "claims",
}
# What a rule that cannot be counted, such as that of a new measurement, is taken to need: an hour.
UNKNOWN_SECONDS, UNKNOWN_BYTES = 3600.0, 4e9


@dataclass(frozen=True)
class Request:
    """What a job asks for, and what that follows from.

    Attributes:
        seconds: that it is forecast to take, with a GPU if it asks for one.
        memory: bytes that it is forecast to hold.
        gpu_memory: bytes that it is forecast to hold in a GPU's memory.
        gpus: how many it asks for.
    """

    seconds: float
    memory: float
    gpu_memory: float
    gpus: int

    def minutes(self, attempt: int) -> int:
        """The limit of the job's time; each further attempt has as much again."""
        return min(math.ceil(START_MINUTES + MARGIN * self.seconds / 60) * attempt, MOST_MINUTES)

    def mega_bytes(self, attempt: int) -> int:
        """The limit of the job's memory; each further attempt has as much again."""
        return math.ceil(BASE_MB + MEMORY_MARGIN * self.memory / 2**20) * attempt

    @property
    def gpu_mega_bytes(self) -> int:
        """What of a GPU's memory it takes."""
        return math.ceil(BASE_MB + MEMORY_MARGIN * self.gpu_memory / 2**20) if self.gpus else 0


class Requests:
    """What the jobs of a workflow ask for; each is counted once, since Snakemake asks again and again."""

    def __init__(self, workflow: Workflow):
        self._workflow = workflow
        self._counted: dict[tuple, Request] = {}

    def request(self, rule: str, wildcards: Mapping[str, str]) -> Request:
        """What the job of a rule with these wildcards asks for."""
        job = (rule, *wildcards.items())
        if job not in self._counted:
            gpus = self._workflow.task(rule, wildcards).gpus
            try:
                cost = job_cost(rule, self._workflow, wildcards, custom_as_known=True)
            except LookupError:
                cost = with_start("torch", UNKNOWN_SECONDS, memory=UNKNOWN_BYTES)
            self._counted[job] = Request(cost.elapsed(bool(gpus)), cost.memory, cost.gpu_memory or cost.memory, gpus)
        return self._counted[job]

    def submission(self, rule: str, wildcards: Mapping[str, str]) -> list[str | None]:
        """The kind of submission that the job shares with others, and whose jobs share it.

        Runs of one experiment share one, theory of one study, so that what fails holds up nothing else.
        """
        if rule in KINDS:
            return [KINDS[rule]]
        kind, owner = self.group(rule, wildcards), next(iter(wildcards.values()))
        return [kind, *{"short": [owner], "gpu": [owner, rule]}.get(kind, [])]

    def group(self, rule: str, wildcards: Mapping[str, str]) -> str | None:
        """The kind of submission that the job shares with others; None: it has its own.

        ``run``: all jobs of a run that takes minutes. ``short``: those of a run that takes less than one, and other
        jobs of less than one. ``gpu``: such a job with a GPU, apart from what needs none and would keep it waiting.
        ``measurements``: what takes minutes on the processor and follows on longer jobs, which never follow on it.
        """
        asked = self.request(rule, wildcards)
        if "run" in wildcards:
            return self._group_in_run(rule, asked, wildcards)
        if asked.gpus:
            return _shared("gpu", asked)
        return _shared("measurements" if rule in FOLLOWING else "short", asked)

    def _group_in_run(self, rule: str, asked: Request, wildcards: Mapping[str, str]) -> str | None:
        """A run that starts at another's end point may follow on a longer one, which a shared submission could not wait
        for: its training stands by itself.
        """
        resolved = self._workflow.run(wildcards)
        run = [self.request(each, wildcards) for each in resolved.tasks]
        seconds, on_gpu = sum(each.seconds for each in run), any(each.gpus for each in run)
        if resolved.start is None and not on_gpu and seconds <= MOST_SECONDS["run"]:
            return "short" if seconds <= MOST_SECONDS["short"] else "run"
        if not resolved.tasks[rule].on_device:
            return _shared("measurements", asked)
        return _shared("gpu", asked) if resolved.start is None and asked.gpus else None


def _shared(kind: str, asked: Request) -> str | None:
    """The kind of submission, if the job is short enough for it."""
    return kind if asked.seconds <= MOST_SECONDS[kind] else None
