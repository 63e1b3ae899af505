"""A copy of the repository, run with its own library, and what its workflow would do or did."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HIDDEN = (".code", ".settings", ".checkpoints", ".lock")
SECONDS = 3600  # a hung command ends; none takes a hundredth of this on an idle machine


@dataclass(frozen=True)
class Job:
    """One job as Snakemake lists it; its name is the rule and the wildcards, as in ``training mnist_fnn/lr0.1``."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reason: str

    @property
    def rule(self) -> str:
        return self.name.split()[0]

    @property
    def wildcards(self) -> str:
        return self.name.partition(" ")[2]


class Project:
    """A folder with the repository's files (without results, unless they were copied too)."""

    def __init__(self, root: Path):
        self.root = root

    def clone(self, root: Path) -> "Project":
        """A copy of the parts that the workflow reads, with the times of now, as git writes them; no results."""
        for part in ("config", "envs", "src", "workflow"):
            shutil.copytree(
                self.root / part,
                root / part,
                ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
                copy_function=shutil.copyfile,
            )
        shutil.copyfile(self.root / "Snakefile", root / "Snakefile")
        (root / "profiles").symlink_to("workflow/profiles")
        return Project(root)

    def clone_with_results(self, root: Path) -> "Project":
        """A clone to which the results and Snakemake's records of them were copied."""
        self.copy_results(root)
        return self.clone(root)

    def copy_results(self, root: Path) -> None:
        """The results and Snakemake's records of them, into another clone."""
        for part in ("results", ".snakemake"):
            shutil.copytree(self.root / part, root / part, copy_function=shutil.copyfile, dirs_exist_ok=True)

    def path(self, name: str) -> Path:
        return self.root / name

    def command(self, *arguments: str, **config: object) -> list[str]:
        """The plain command, at the scale smoke unless ``config`` names another."""
        settings = [f"{key}={value}" for key, value in ({"scale": "smoke"} | config).items()]
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--config", *settings]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.root / "src"), "OMP_NUM_THREADS": "1"}

    def run(
        self, *arguments: str, environment: dict[str, str] | None = None, **config: object
    ) -> subprocess.CompletedProcess:
        """The finished command; its standard error is in ``stdout`` too."""
        return subprocess.run(
            self.command(*arguments, **config),
            cwd=self.root,
            env=environment or self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )

    def succeeded(self, *arguments: str, **config: object) -> list[Job]:
        """The jobs that a command ran, all of them to their end."""
        done = self.run(*arguments, **config)
        assert done.returncode == 0, done.stdout
        return jobs_in(done.stdout)

    def start(self, log: Path, *arguments: str, **config: object) -> subprocess.Popen:
        """The started command, in a process group of its own; what it prints goes to ``log``."""
        with open(log, "w") as stream:
            return subprocess.Popen(
                self.command(*arguments, **config),
                cwd=self.root,
                env=self.environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def pending(self, *arguments: str, **config: object) -> dict[str, str]:
        """What a command would run: the reason of each job by its name."""
        return {job.name: job.reason for job in self.succeeded("--dry-run", *arguments, **config)}

    def artifacts(self, folder: str = "results/smoke") -> dict[str, bytes]:
        """The bytes of every artifact by its path in ``folder``; no logs, times and manifests of code and settings."""
        base = self.root / folder
        return {
            str(path.relative_to(base)): path.read_bytes()
            for path in sorted(base.rglob("*"))
            if path.is_file() and path.relative_to(base).parts[0] not in (*HIDDEN, "logs", "benchmarks")
        }

    def code_of(self, job: Job) -> set[str]:
        """The files that the manifest of a job's code names: its script and modules of the library."""
        (manifest,) = (path for path in job.inputs if path.endswith(".sha256"))
        return {line.split("  ")[1] for line in self.path(manifest).read_text().splitlines()}


def wait_until(holds: Callable[[], bool], process: subprocess.Popen, log: Path) -> None:
    """Wait until ``holds()`` while a started command, which prints to ``log``, is at work."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)


def jobs_in(text: str) -> list[Job]:
    """The jobs (but the collecting rules) in what Snakemake prints, of a dry-run or of a real one."""
    found = []
    for block in re.split(r"^(?:local)?(?:rule|checkpoint) ", text, flags=re.MULTILINE)[1:]:
        rule = block.partition(":")[0]
        fields = dict(re.findall(r"^    (\w+): (.*)$", block, flags=re.MULTILINE))
        values = re.findall(r"\w+=([^,]+)", fields.get("wildcards", ""))
        listed = [tuple(fields[key].split(", ")) if key in fields else () for key in ("input", "output")]
        if rule not in ("all", "everything"):
            found.append(Job(f"{rule} {'/'.join(values)}".strip(), *listed, fields.get("reason", "")))
    return found


def downstream(jobs: list[Job], first: set[str]) -> set[str]:
    """Names of the jobs in ``first`` and of all that use what they make, directly or not."""
    maker = {path: job.name for job in jobs for path in job.outputs}
    users: dict[str, set[str]] = {}
    for job in jobs:
        for path in job.inputs:
            if path in maker:
                users.setdefault(maker[path], set()).add(job.name)
    found: set[str] = set()
    left = set(first)
    while left:
        found |= left
        left = {user for name in left for user in users.get(name, ())} - found
    return found
