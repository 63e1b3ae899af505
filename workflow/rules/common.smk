# The configuration, the lock of the results, and the short names that the rules use.
import os
import re
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
if not ROOT.is_dir():
    raise WorkflowError(
        "The rules of dropscape need the library and the configuration beside them: clone its repository, and write "
        'snakefile: "path/to/dropscape/workflow/Snakefile" instead of an address such as github(...).'
    )
# The library beside the workflow comes first, whatever the environment has, also one that Snakemake makes for jobs
# (--sdm conda); the user's modules are those of the working directory and the folder of the workflow.
FOLDERS = [str(ROOT / "src"), os.getcwd(), str(ROOT)]
sys.path.insert(0, FOLDERS[0])
sys.path.extend(path for path in FOLDERS if path not in sys.path)
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [*FOLDERS, os.getenv("PYTHONPATH")])))

from dropscape.config.load import load_settings
from dropscape.config.yaml_files import read_yaml
from dropscape.errors import DropscapeError
from dropscape.resolved.workflow import Workflow
from dropscape.run_lock import RunLock, refuse_missing_commands
from dropscape.schema import NAME_PATTERN

# The working directory may have a configuration of its own.
CONFIG_FILES = [str(folder / "config/config.yaml") for folder in (Path(), ROOT)]


def refused(function, *arguments):
    """What the function returns; its errors that a user can act on end the workflow without a traceback."""
    try:
        return function(*arguments)
    except DropscapeError as error:
        raise WorkflowError(str(error)) from None


# Read here first: Snakemake names no file and no line, and takes one of two equal keys without a word.
CONFIG_FILE = next(file for file in CONFIG_FILES if Path(file).is_file())
if refused(read_yaml, Path(CONFIG_FILE)):

    configfile: CONFIG_FILE


for file in workflow.configfiles:
    refused(read_yaml, Path(file))
WORKFLOW = Workflow(refused(load_settings, config, ROOT))
USER = WORKFLOW.user
PATHS = WORKFLOW.paths
RESULTS = PATHS.results
LOCK = RunLock(RESULTS)


def refuse_missing_hardware():
    """Snakemake deletes a job's old files before the job can say that there is no GPU for it.

    On a cluster the GPU is where the jobs are, but the commands of the scheduler are here.
    """
    if USER.device == "cuda" and workflow.local_exec:
        from dropscape.numerics.devices import chosen_device

        refused(chosen_device, "cuda")
    if workflow.executor_plugin.name == "slurm":
        refused(refuse_missing_commands, ["sbatch", "sacct"])


onstart:
    refuse_missing_hardware()
    refused(LOCK.hold)
    forecast_jobs()
    choose_jobs_when_one_ends()


def one_of(names):
    """A wildcard that matches these names only (no name at all if there are none)."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"


wildcard_constraints:
    dataset=one_of(WORKFLOW.datasets),
    experiment=one_of(WORKFLOW.trained),
    # Not one of all names: Snakemake goes through the whole constraint for each file of each job.
    run=NAME_PATTERN.strip("^$"),
    figure=one_of(WORKFLOW.figures),
    study=one_of(WORKFLOW.studies),
    table=one_of({table for _, table in WORKFLOW.theory}),


def run_file(folder, name):
    """Pattern of a file that is made for each run."""
    return PATHS.run("{experiment}", "{run}", folder, *name.rsplit(".", 1))


def experiment_file(folder, name):
    """Pattern of a file that an experiment has once."""
    return PATHS.experiment("{experiment}", folder, *name.rsplit(".", 1))


def experiments_with(rule):
    """A wildcard that matches the experiments that have a job of the rule."""
    return one_of(WORKFLOW.experiments_with(rule))


def settings_of(rule):
    """What decides the results of a job of the rule, and nothing else."""
    return lambda wildcards: WORKFLOW.job_settings(rule, dict(wildcards.items()))


def files_of_runs(rule, folder, name):
    """The files of the runs that the setting ``runs`` of the rule's job names, in its order."""
    asked, pattern = settings_of(rule), run_file(folder, name)
    return lambda wildcards: expand(pattern, experiment=wildcards.experiment, run=asked(wildcards)["runs"])


# How often a state is saved: no parameter, since it decides no result; whole, since a submission adds up its jobs'.
CHECKPOINT_MS = round(1000 * USER.checkpoint_seconds)

# Whether a scheduler is asked: by the main process, under a profile that says what jobs ask for by default; or whether
# jobs share the GPUs of this machine, so that each says how much memory of one it needs.
DEFAULT_RESOURCES = workflow.resource_settings.default_resources or {}
SUBMITTING = workflow.is_main_process and "mem_mb" in DEFAULT_RESOURCES
SHARING = workflow.is_main_process and not SUBMITTING and "gpu" in workflow.resource_settings.resources


@cache
def requests():
    """What all jobs ask for. Counting takes torch, which no job is to wait for."""
    from dropscape.cost_model.requests import Requests

    return Requests(WORKFLOW)


def resources_of(rule):
    """The resources of a rule: GPUs, and what follows from its cost where GPUs are shared or a scheduler is asked."""

    def asked(wildcards):
        return requests().request(rule, dict(wildcards.items()))

    resources = {"gpu": lambda wildcards: WORKFLOW.task(rule, dict(wildcards.items())).gpus}
    resources |= {"gpu_slots": USER.gpu_slots, "checkpoint_ms": CHECKPOINT_MS}
    if SHARING:
        resources["gpu_mega_bytes"] = lambda wildcards: asked(wildcards).gpu_mega_bytes
    if SUBMITTING:
        resources["runtime"] = lambda wildcards, attempt: asked(wildcards).minutes(attempt)
        resources["mem_mb"] = lambda wildcards, attempt: asked(wildcards).mega_bytes(attempt)
    return resources
