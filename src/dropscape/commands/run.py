"""A run of the workflow as it was asked for, by ``dropscape`` or by make, and what is done with it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from dropscape.config.load import load_settings, merged, user_keys, user_settings
from dropscape.config.user import UserSettings
from dropscape.config.yaml_files import read_yaml
from dropscape.dependencies import write_if_changed
from dropscape.errors import ConfigurationError, suggested
from dropscape.resolved.workflow import Workflow
from dropscape.run_lock import RunLock

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = ("CONFIG", "PROFILE", "CORES", "GPUS", "CHECK", "VERBOSE")


class Run:
    """A run as it was asked for.

    Args:
        given: what was given by name, as make writes it: options of the run (``OPTIONS``), and keys of the
            configuration in capitals; each value as it was written.
        spelt: how whoever gave them writes such a name, for sentences.
        root: the repository.

    Raises:
        ConfigurationError: a name is not known or has a value that cannot work.
    """

    def __init__(self, given: Mapping[str, str], spelt: Callable[[str], str] = str, root: Path = ROOT):
        known = [*OPTIONS, *(key.upper() for key in UserSettings.model_fields)]
        for name in given:
            if name not in known:
                raise ConfigurationError(
                    f"make was given {name}, which it does not know: write {suggested(name.upper(), known)}."
                )
        self.given, self.spelt, self.root = given, spelt, root
        self.config = Path(given["CONFIG"]).expanduser() if given.get("CONFIG") else None
        profile = given.get("PROFILE", "default")
        folder = root / "workflow/profiles"
        profiles = sorted(one.name for one in folder.iterdir())
        self.profile = folder / profile if profile in profiles else Path(profile)
        if not (self.profile / "config.yaml").is_file():
            raise ConfigurationError(
                f"{spelt('PROFILE')} is '{profile}': write one of {', '.join(profiles)}, or a folder with the "
                "config.yaml of one."
            )
        for name in ("CORES", "GPUS"):
            value = given.get(name)
            least, words, other = (1, ["all"], ", or all") if name == "CORES" else (0, [], "")
            if value and value not in words and not (value.isdecimal() and int(value) >= least):
                raise ConfigurationError(f"{spelt(name)} is {value}: write a number from {least}{other}.")
        self.cores, self.gpus, self.check = given.get("CORES"), given.get("GPUS"), bool(given.get("CHECK"))
        self.verbose = bool(given.get("VERBOSE"))
        self.keys = {
            name.lower(): _parsed(name, value, spelt) for name, value in given.items() if value and name not in OPTIONS
        }
        self.user = user_settings(user_keys([self.config] if self.config else [], self.keys, root))

    def with_config(self, file: Path) -> "Run":
        """The same profile, cores and GPUs, for the configuration in a file alone."""
        kept = {name: self.given[name] for name in ("PROFILE", "CORES", "GPUS") if name in self.given}
        return Run({**kept, "CONFIG": str(file)}, self.spelt, self.root)

    @cached_property
    def written(self) -> dict[str, Any]:
        """The keys of the configuration that were given, in a file or each."""
        return merged(read_yaml(self.config) if self.config else {}, self.keys)

    def workflow(self, **keys: Any) -> Workflow:
        """Everything that it is to make; the keys are laid over those that were given."""
        asked = user_keys([self.config] if self.config else [], merged(self.keys, keys), self.root)
        return Workflow(load_settings(asked, self.root))

    @property
    def results(self) -> Path:
        """The folder of its results."""
        return Path(self.user.results, self.user.scale)

    def snakemake(self, *more: str) -> list[str]:
        """The command of Snakemake."""
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", str(self.profile)]
        command += ["--cores", self.cores] if self.cores else []
        if self.gpus:  # on one machine jobs share a GPU; a submission to a cluster has it for itself
            submits = "\nexecutor:" in (self.profile / "config.yaml").read_text(encoding="utf-8")
            slots = 1 if submits else self.user.gpu_slots
            command += ["--resources", f"gpu={int(self.gpus) * slots}"]
        return [*command, *self.configfile, *more]

    @cached_property
    def configfile(self) -> list[str]:
        """The option that names the configuration files, for Snakemake and for the forecast."""
        files = self.files()
        return ["--configfile", *files] if files else []

    def files(self) -> list[str]:
        """The configuration files, the keys that were given last.

        As a file, of which jobs read the same: on its command line Snakemake takes other letters, null and numbers for
        other values than YAML does.
        """
        files = [str(self.config)] if self.config and read_yaml(self.config) else []
        if self.keys:
            content = json.dumps(self.keys, indent=1)
            path = Path(".snakemake/given", f"{hashlib.sha256(content.encode()).hexdigest()[:12]}.json")
            write_if_changed(path, content)
            files.append(str(path))
        return files


def _parsed(name: str, value: str, spelt: Callable[[str], str]) -> Any:
    """The value of a key, as YAML has it but for text, which is taken as it stands."""
    if UserSettings.model_fields[name.lower()].annotation in (str, str | None):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigurationError(
            f"{spelt(name)} is {value}, which is no YAML: write it as in config/config.yaml."
        ) from None


def environment() -> dict[str, str]:
    """The environment of Snakemake: where the user has no folder for caches, it takes one beside its records."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "snakemake")
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return dict(os.environ)
    return os.environ | {"XDG_CACHE_HOME": str(Path(".snakemake/cache").resolve())}


def reproduce(run: Run, targets: Sequence[str] = ()) -> int:
    """Make everything, then show the summary, also when a job failed: what was computed is there.

    With targets these alone are made, and no report.
    """
    if targets:
        return watched(run, "--", *targets)
    started, report = time.time(), run.results / "report/snakemake.html"
    status = watched(run)
    last_job = max((file.stat().st_mtime for file in (run.results / "logs").rglob("*.log")), default=0.0)
    if status == 0 and last_job > (report.stat().st_mtime if report.exists() else 0.0):
        status = watched(run, "--report", str(report))
    # An error before any job stands last, not above verdicts that are old.
    if status == 0 or last_job >= started:
        subprocess.run([sys.executable, "-m", "dropscape.report.summary", str(run.results)])
    return status


def plan(run: Run, targets: Sequence[str] = ()) -> int:
    """Say what is left to be made, of everything or of the targets, and what it will cost."""
    listed = subprocess.run(
        run.snakemake("--dry-run", *(["--forceall"] if run.check else []), *(["--", *targets] if targets else [])),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment(),
    )
    command = [sys.executable, "-m", "dropscape.cost_model", *(["--check"] if run.check else [])]
    command += run.configfile
    command += ["--cores", run.cores] if run.cores else []
    command += ["--gpus", run.gpus] if run.gpus else []
    return subprocess.run(command, input=listed.stdout, encoding="utf-8").returncode or listed.returncode


def clean(run: Run) -> int:
    """Delete the results of the scale, and what Snakemake knows of all.

    Raises:
        ArtifactError: a run is at work there.
    """
    if run.results.is_dir():
        RunLock(str(run.results)).hold()
    for folder in (run.results, Path(".snakemake")):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def watched(run: Run, *more: str) -> int:
    """Run the workflow with one line for all of its jobs, or with all that Snakemake and they say."""
    if run.verbose:
        return followed(run.snakemake(*more))
    return followed(run.snakemake("--logger", "dropscape", *more), DROPSCAPE_QUIET="1")


def followed(command: Sequence[str], **variables: str) -> int:
    """Run a command to its end, with more variables in its environment, passing SIGTERM on to it."""
    process = subprocess.Popen(command, env=environment() | variables)
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal sends it to Snakemake too, which ends its jobs
            continue
