# Settings, paths and dependencies that every rule file uses.
import fcntl
import importlib.util
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dropscape.config.fields import NAME_PATTERN
from dropscape.config.load import load_settings
from dropscape.config.of_run import settings_of_run as of_run_settings
from dropscape.config.stages import StageExperiment
from dropscape.dependencies import keep, manifest, module_files
from dropscape.errors import ConfigurationError, DeviceError

ROOT = Path(workflow.basedir).parent
# Jobs import the library beside the workflow, also in an environment that Snakemake makes for them (--sdm conda),
# and networks of one's own from the folder of the workflow.
OWN_CODE = [str(ROOT / "src"), str(ROOT)]
sys.path.extend(path for path in OWN_CODE if path not in sys.path)
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [*OWN_CODE, os.getenv("PYTHONPATH")]))
)

try:
    SETTINGS = load_settings(config, ROOT)
except ConfigurationError as error:
    raise WorkflowError(str(error)) from None

USER = SETTINGS.user
RESULTS = f"{USER.results}/{USER.scale}"
STUDIES = SETTINGS.selected_studies
FIGURES = {
    f"{study}-{name}": figure
    for study, settings in STUDIES.items()
    for name, figure in settings.figures.items()
}
THEORY = [
    (study, table)
    for study, settings in STUDIES.items()
    for table in settings.theory.tables
]
STUDY_OF_FIGURE = {
    f"{study}-{name}": study
    for study, settings in STUDIES.items()
    for name in settings.figures
}
ALL_EXPERIMENTS = {
    name: SETTINGS.experiment(name)
    for name in sorted(
        {name for figure in FIGURES.values() for name in figure.experiments}
        | {name for study in STUDIES.values() for name in study.all_experiments}
    )
}
# Those that are jobs of a stage of their own, and the others, which have runs that are trained.
OF_STAGES = {
    name: experiment
    for name, experiment in ALL_EXPERIMENTS.items()
    if isinstance(experiment, StageExperiment)
}
EXPERIMENTS = {
    name: experiment
    for name, experiment in ALL_EXPERIMENTS.items()
    if name not in OF_STAGES
}
RUNS = [
    (name, run) for name, experiment in EXPERIMENTS.items() for run in experiment.runs
]


def one_of(names):
    """A wildcard that matches these names only (no name at all if there are none)."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"


def unwritable(error):
    """The sentence about a folder of results that cannot be written."""
    return (
        f"{RESULTS} cannot be written ({error.strerror}): make room or give yourself the right to write there, or "
        "write another `results` folder in the configuration."
    )


class Held(Exception):
    """Another run is at work in the results."""


def held_results():
    """The open lock of the results.

    Snakemake's own lock (off in the profile) outlives a kill -9 and then needs --unlock; the kernel frees this one.
    """
    try:
        Path(RESULTS).mkdir(parents=True, exist_ok=True)
        lock = open(f"{RESULTS}/.lock", "w")
    except OSError as error:
        raise WorkflowError(unwritable(error)) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Held from None
    return lock


def held_for_the_run():
    """The lock of the results; a second run in them is refused."""
    try:
        return held_results()
    except Held:
        raise WorkflowError(
            f"Another run is at work in {RESULTS}: wait until it has ended, or write another `results` folder."
        ) from None


@cache
def manifests_are_ours():
    """Whether this process may say what code and settings are: not a job, and nothing while another run is at work.

    Snakemake takes down what a job's inputs were when the job ends. A manifest that changed since it started would
    pass its result, made by the old code, for one of the new. Two that start within the seconds of building the graph
    may both write, which at worst runs jobs again.
    """
    if not workflow.is_main_process:
        return False
    try:
        held_results().close()
    except Held:
        return False
    return True


HELD = []


def refuse_missing_gpu():
    """Snakemake deletes a job's old files before the job can say that there is no GPU for it.

    On a cluster the GPU is where the jobs are.
    """
    if USER.device == "cuda" and workflow.local_exec:
        from dropscape.numerics.devices import chosen_device

        try:
            chosen_device("cuda")
        except DeviceError as error:
            raise WorkflowError(str(error)) from None


onstart:
    refuse_missing_gpu()
    HELD.append(held_for_the_run())


wildcard_constraints:
    dataset=one_of({e.dataset for e in ALL_EXPERIMENTS.values()} - {None}),
    experiment=one_of(EXPERIMENTS),
    # Not one of all names: Snakemake goes through the whole constraint for each file of each job.
    run=NAME_PATTERN.strip("^$"),
    figure=one_of(FIGURES),
    study=one_of(STUDIES),
    table=one_of({table for _, table in THEORY}),


@cache
def code_of(script, *named):
    """The manifest of the script and the library modules it imports, so that editing one reruns exactly what uses it.

    Further arguments are modules of dropscape that it imports by name.
    """
    modules = (f"dropscape.{name}" for name in named)
    return kept(
        f".code/{'-'.join([Path(script).stem, *named])}.sha256",
        lambda: manifest(
            module_files(ROOT / "workflow/scripts" / script, ROOT / "src", *modules),
            ROOT,
        ),
    )


def kept(name, content):
    """The file of the results that holds the content, the result of a function; written where it holds another."""
    path = f"{RESULTS}/{name}"
    if manifests_are_ours() or not Path(path).is_file():
        try:
            keep(Path(path), content())
        except OSError as error:
            raise WorkflowError(unwritable(error)) from None
    return [path]


def own_code(function, key):
    """The file of a function of the user's own."""
    package = function.partition(":")[0]
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise WorkflowError(
            f"{key} is '{function}', but there is no module '{package}': put {package.replace('.', '/')}.py into the "
            "folder of the Makefile, or its folder into PYTHONPATH."
        )
    return [os.path.relpath(found.origin)]


def code_of_model(wildcards):
    """The file of a network of the user's own, if the experiment has one."""
    model = EXPERIMENTS[wildcards.experiment].model
    if model.name != "own":
        return []
    return own_code(
        model.function, f"model.function of experiment '{wildcards.experiment}'"
    )


def code_of_dataset(wildcards):
    """The file of a dataset of the user's own, if it is one."""
    function = USER.datasets.get(wildcards.dataset)
    return own_code(function, f"datasets.{wildcards.dataset}") if function else []


def plain(settings):
    """Settings as sorted plain values: Snakemake compares parameters as text."""
    if hasattr(settings, "model_dump"):
        settings = settings.model_dump(mode="json")
    if isinstance(settings, dict):
        return {key: plain(settings[key]) for key in sorted(settings)}
    if isinstance(settings, (list, tuple)):
        return [plain(value) for value in settings]
    return settings


def of_run(stage, file):
    """Path of a file that a stage writes for one run."""
    return f"{RESULTS}/{stage}/{{experiment}}/{{run}}/{file}"


def of_stage(stage, file):
    """Path of a file that a stage writes for one experiment as a whole."""
    return f"{RESULTS}/{stage}/{{experiment}}/{file}"


def experiments_with(stage, table):
    """A wildcard that matches the stage's experiments that have the table."""
    return one_of(
        name
        for name, experiment in OF_STAGES.items()
        if experiment.stage == stage and table in experiment.tables
    )


def dataset_of(wildcards):
    """The prepared dataset of an experiment; none where it makes its own examples."""
    dataset = ALL_EXPERIMENTS[wildcards.experiment].dataset
    return f"{RESULTS}/data/{dataset}.safetensors" if dataset else []


def description_of(experiment):
    """The description of an experiment's data; one that makes its own examples writes it beside its tables."""
    dataset = ALL_EXPERIMENTS[experiment].dataset
    if dataset:
        return f"{RESULTS}/data/{dataset}.json"
    return f"{RESULTS}/{OF_STAGES[experiment].stage}/{experiment}/data.json"


def run_of(wildcards):
    """``settings_of_run`` for a rule of one run."""
    return settings_of_run(wildcards.experiment, wildcards.run)


def settings_of_run(experiment, run):
    """The named run's settings with the experiment's defaults filled in."""
    return of_run_settings(EXPERIMENTS[experiment], run, USER.device)


def some_of(settings, *keys):
    """The named settings only, so that a change of another one reruns nothing."""
    return plain({key: settings[key] for key in keys})
