# What all rules share and none repeats: log and benchmark, the environment, the submission that jobs share, and the
# code, the user's modules and the settings as files among a job's inputs.
#
# Snakemake has no public way to say this once, so this file alone uses its internals: `workflow.rules`, `set_input`,
# `set_log`, `parent_groupids`, `iocache`, `scheduler`, attributes of rules and the parser of its command line. It is
# included after all rules.
import json

from dropscape.artifacts.provenance import numeric_versions
from dropscape.dependencies import custom_module_files, manifest, module_files


@cache
def may_write():
    """Whether this process may say what code and settings are: not a job, and nothing while another run is at work.

    Snakemake takes down what a job's inputs were when the job ends. A manifest that changed since it started would
    pass its result, made by the old code, for one of the new. Two that start within the seconds of building the graph
    may both write, which at worst runs jobs again.
    """
    return workflow.is_main_process and refused(LOCK.is_free)


def written(name, content, keep=False):
    """The file of the results that holds the content, the result of a function; written where it holds another.

    With ``keep`` a file that is there is left as it is. Who may read the results but not write them sees what they
    are, without their own changes.
    """
    path = Path(RESULTS, name)
    if keep and path.is_file():
        return str(path)
    if not path.is_file() or (may_write() and not LOCK.is_read_only()):  # a real run is refused when it starts
        refused(LOCK.write, path, content())
        workflow.iocache.exists_local[str(path)] = True  # it may have looked into the folder before
    return str(path)


def check_targets(names):
    """Refuse what cannot be made, as the whole command line says it; Snakemake keeps it to itself until it has all rules.

    Commands that only look at the workflow are let through, and so is a workflow that has this one as a module.
    """
    if not workflow.is_main_process or not Path(workflow.main_snakefile).is_relative_to(ROOT):
        return
    from snakemake.cli import get_argument_parser

    asked, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    looks = [
        *("lint", "list_rules", "list_target_rules", "unlock", "summary", "detailed_summary", "archive", "rulegraph"),
        *("delete_all_output", "delete_temp_output", "cleanup_metadata", "dag", "filegraph", "d3dag"),
    ]
    if not any(getattr(asked, name, None) for name in looks) and (not asked.report or asked.report_after_run):
        whole = {rule.name for rule in workflow.rules if not rule.has_wildcards()}
        refused(WORKFLOW.check_targets, asked.targets, names | whole)


def forecast_jobs():
    """Tell the line of a whole run (--logger dropscape) its jobs, so that it can say how long they will take."""
    if progress := sys.modules.get("snakemake_logger_plugin_dropscape"):
        jobs = {workflow.dag.jobid(job): (job.rule.name, job.wildcards_dict) for job in workflow.dag.needrun_jobs()}
        progress.forecast({"config": dict(config), "root": str(ROOT), "jobs": jobs})


def choose_jobs_when_one_ends():
    """Lift Snakemake's own limit, for which it chooses jobs again and again: up to half of a core's time."""
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if workflow.local_exec and limit and vars(limit) == {"max_jobs": 100, "timespan": 1}:  # nobody wrote another
        workflow.scheduler.job_rate_limiter = None


@cache
def modules_of(rule, *named):
    """The rule's script and every module of the library that it imports, and those that it imports by name."""
    script = ROOT / "workflow/scripts" / f"{rule}.py"
    return module_files(script, ROOT / "src", *(f"dropscape.{name}" for name in named))


@cache
def loads_networks(rule):
    """Whether the rule's jobs build a network, whose module they import by name."""
    return any(path.endswith("models/settings.py") for path in modules_of(rule))


def code_of(rule):
    """The manifest of a job's code, so that editing a module reruns exactly what uses it."""

    def code(wildcards):
        named = WORKFLOW.named_modules(rule, wildcards, loads_networks(rule))
        owner = wildcards.study if rule == "claims" else "-".join(named)
        name = "-".join(filter(None, [rule, owner]))
        return written(f".code/{name}.sha256", lambda: manifest(modules_of(rule, *named), ROOT))

    return code


def custom_code_of(rule):
    """The files of the user's functions that a job calls."""

    def files(wildcards):
        functions = WORKFLOW.custom_functions(rule, wildcards, loads_networks(rule))
        found = (refused(custom_module_files, function, key, FOLDERS[1:]) for key, function in functions.items())
        return [file for each in found for file in each]

    return files


def settings_file(rule):
    """The file of a job's settings.

    Snakemake's own record of them is lost with a main process that is killed while its jobs are on a cluster, and with
    the folder .snakemake; what other settings made would pass for made.
    """

    @cache
    def file(*wildcards):
        settings = settings_of(rule)(dict(wildcards))
        job = "/".join([rule, *(value for _, value in wildcards)])
        return written(f".settings/{job}.json", lambda: json.dumps(settings, indent=1, sort_keys=True) + "\n")

    return lambda wildcards: file(*wildcards.items())


@cache
def versions():
    """The versions of what decides numbers; those of before, unless what they made is to be made again."""
    name, content = ".code/versions.json", json.dumps(numeric_versions()) + "\n"
    if USER.rerun_versions and workflow.dryrun and Path(RESULTS, name).is_file():
        # To look at what would be made again must not decide that it is.
        return str(Path(RESULTS, name)) if Path(RESULTS, name).read_text() == content else [f"{RESULTS}/.lock"]
    return written(name, lambda: content, keep=not USER.rerun_versions)


def group_of(rule):
    """The submission that a job shares with others, where the profile says how many of its kind are one."""

    def group(wildcards):
        components = workflow.group_settings.group_components
        if workflow.remote_exec:
            return "submission"  # what is in it was decided when it was submitted
        if not components:
            return None
        kind, *owner = requests().submission(rule, dict(wildcards.items()))
        if kind not in components:
            return None
        name = "-".join([kind, *owner])
        workflow.parent_groupids[name] = kind
        return name

    return group


# Results that cannot be written end the run here, in one sentence, unless somebody only looks at them from elsewhere.
if may_write() and LOCK.is_read_only() and not os.access(".", os.W_OK):
    refused(LOCK.hold)
if not may_write() and any(word.startswith("--delete-") for word in sys.argv):
    raise WorkflowError(f"Another run is at work in {RESULTS}: delete when it has ended.")

for each in workflow.rules:
    # Also used as a module, beside rules of others and with a prefix.
    if not each.script or Path(each.snakefile).parent != ROOT / "workflow/rules":
        continue
    name = Path(each.script).stem
    wildcards = re.findall(r"{(\w+)", str(each.output[0]))
    job = str(Path(name, *([f"{{{wildcard}}}" for wildcard in wildcards] or [name])))
    each.input_modifier = each.log_modifier = each.benchmark_modifier = each.output_modifier
    each.set_log(f"{RESULTS}/logs/{job}.log")
    each.benchmark = f"{RESULTS}/benchmarks/{job}.tsv"
    each.conda_env, each.container_img = "../../envs/environment.yaml", USER.container
    if name != "data":  # it runs where the workflow does
        each.group = group_of(name)
    each.set_input(code=code_of(name), custom_code=custom_code_of(name), versions=lambda wildcards: versions())
    if each.params:
        each.set_input(settings_file=settings_file(name))
