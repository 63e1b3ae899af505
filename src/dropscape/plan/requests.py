"""What jobs ask of a scheduler, from what they cost: time, memory, and whether they share a submission.

Time and memory are limits and not forecasts, so they are generous: what is not used is given back. A training that its
limit ended goes on from its state, so that its attempts add up.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dropscape.config.models import ResNet18Settings
from dropscape.config.settings import ExperimentSettings, Settings
from dropscape.plan import of_runs
from dropscape.plan.cost import Cost
from dropscape.plan.devices import ON_DEVICE, gpus_of
from dropscape.plan.of_jobs import cost_of

START_MINUTES = 15  # Python, torch and reading data on a busy file system; jobs that compute next to nothing
MARGIN = 4  # a forecast is within a factor of 2 of what takes it, and a machine half as fast as the one of the rates
BASE_MB = 2000  # torch with what it needs of a GPU
MEMORY_MARGIN = 2  # what a forecast may be off; memory does not depend on the machine
MOST_MINUTES = 5 * 24 * 60  # many sites grant no more
# Seconds up to which what shares a submission of a kind is not worth more of them: a run, or one job.
MOST_SECONDS = {"run": 300, "measurements": 300, "short": 60, "gpu": 60}

# Jobs of whole experiments that follow on jobs which never follow on them.
FOLLOWING = ("flatness_interpolations", "subnetworks_accuracies")
# A network of one's own counts as the dearest of the papers.
DEAREST = {"model": ResNet18Settings(name="resnet18", classes=10), "block": ["conv1.weight"]}


@dataclass(frozen=True)
class Request:
    """What a job asks for, and what that follows from.

    Attributes:
        seconds: that it is forecast to take, with a GPU if it asks for one.
        memory: bytes that it is forecast to hold.
        gpus: how many it asks for.
    """

    seconds: float
    memory: float
    gpus: int

    def minutes(self, attempt: int) -> int:
        """The limit of the job's time; each further attempt has as much again."""
        return min(math.ceil(START_MINUTES + MARGIN * self.seconds / 60) * attempt, MOST_MINUTES)

    def mega_bytes(self, attempt: int) -> int:
        """The limit of the job's memory; each further attempt has as much again."""
        return math.ceil(BASE_MB + MEMORY_MARGIN * self.memory / 2**20) * attempt


class Requests:
    """What the jobs of a workflow ask for; each is counted once, since Snakemake asks again and again.

    Args:
        settings: the whole merged configuration.
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        self._counted: dict[tuple, Request] = {}

    def of(self, rule: str, wildcards: Mapping[str, str]) -> Request:
        """What the job of a rule with these wildcards asks for.

        Raises:
            LookupError: nobody has counted the rule.
        """
        job = (rule, *wildcards.items())
        if job not in self._counted:
            cost, gpus = _cost_of(rule, self._settings, wildcards), gpus_of(rule, self._settings, wildcards)
            self._counted[job] = Request(cost.gpu_seconds if gpus else cost.seconds, cost.memory, gpus)
        return self._counted[job]

    def group(self, rule: str, wildcards: Mapping[str, str]) -> str | None:
        """The kind of submission that the job shares with others; None: it has its own.

        ``run``: all jobs of a run that takes minutes. ``short``: those of a run that takes less than one, and other
        jobs of less than one. ``gpu``: such a job with a GPU, apart from what needs none and would keep it waiting.
        ``measurements``: what takes minutes on the processor and follows on longer jobs, which never follow on it.
        """
        asked = self.of(rule, wildcards)
        if rule in of_runs.COSTS:
            return self._group_in_run(rule, asked, wildcards)
        if rule in FOLLOWING:
            return _shared("measurements", asked)
        return _shared("gpu" if asked.gpus else "short", asked)

    def _group_in_run(self, rule: str, asked: Request, wildcards: Mapping[str, str]) -> str | None:
        """A run that starts at another's end point may follow on a longer one, which a shared submission could not wait
        for: its training stands by itself.
        """
        experiment = self._settings.experiment(wildcards["experiment"])
        starts_anew = experiment.runs[wildcards["run"]].start is None
        run = [self.of(each, wildcards) for each in rules_of(experiment)]
        seconds, on_gpu = sum(each.seconds for each in run), any(each.gpus for each in run)
        if starts_anew and not on_gpu and seconds <= MOST_SECONDS["run"]:
            return "short" if seconds <= MOST_SECONDS["short"] else "run"
        if rule not in ON_DEVICE:
            return _shared("measurements", asked)
        return _shared("gpu", asked) if starts_anew and asked.gpus else None


def _shared(kind: str, asked: Request) -> str | None:
    """The kind of submission, if the job is short enough for it."""
    return kind if asked.seconds <= MOST_SECONDS[kind] else None


def rules_of(experiment: ExperimentSettings) -> list[str]:
    """The rules that the jobs of a run are of."""
    gradients, alignment, flatness = experiment.gradients, experiment.alignment, experiment.flatness
    asked = {
        "training": True,
        "training_translation": experiment.model.name == "transformer",
        "sampling": gradients,
        "sampling_ratio": experiment.ratio,
        "curvature": gradients or flatness,
        "noise_spectrum": flatness,
        "noise_projection": gradients,
        "noise_alignment": alignment,
        "noise_baseline": alignment and alignment.baseline_samples,
        "flatness": flatness,
        "flatness_slices": experiment.slices,
        "condensation": experiment.condensation,
    }
    return [rule for rule, has in asked.items() if has]


def _cost_of(rule: str, settings: Settings, wildcards: Mapping[str, str]) -> Cost:
    """The cost of a job, of one with a network of the user's own as if that were the dearest that is known."""
    try:
        return cost_of(rule, settings, wildcards)
    except LookupError:
        return cost_of(rule, _with_dearest(settings, wildcards["experiment"]), wildcards)


def _with_dearest(settings: Settings, name: str) -> Settings:
    """The settings with the dearest network in the place of the named experiment's.

    Raises:
        LookupError: it is none of those that train networks.
    """
    owner = next((key for key, study in settings.studies.items() if name in study.experiments), None)
    experiments = settings.studies[owner].experiments
    experiments = experiments | {name: experiments[name].model_copy(update=DEAREST)}
    study = settings.studies[owner].model_copy(update={"experiments": experiments})
    return settings.model_copy(update={"studies": settings.studies | {owner: study}})
