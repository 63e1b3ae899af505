"""A run as a Workflow Run RO-Crate (https://w3id.org/ro/wfrun/workflow/0.5): a zip file that describes itself.

What is large and can be made again, networks, gradients and prepared data, is not in it; its checksums are.
"""

import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil
import yaml
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from dropscape.archive.checklist import checklist
from dropscape.artifacts.files import read_json
from dropscape.artifacts.provenance import processor
from dropscape.dependencies import sha256
from dropscape.errors import ArtifactError
from dropscape.report.verdicts import read_claims, tally

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
SOURCES = ("workflow", "config", "src", "envs")  # folders of the repository
SINGLE = ("Snakefile", "Makefile", "pyproject.toml", "README.md", "LICENSE", "CITATION.cff")
RESULTS = ("claims", "figures", "theory", "report")  # whole folders of the results
LARGE = (".safetensors",)
TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".html": "text/html",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".diff": "text/x-diff",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}


def write_crate(results: Path, root: Path, target: Path) -> Path:
    """Write the run whose results lie in ``results/<scale>`` to a zip file.

    Args:
        root: the repository.
        target: the file, which must not be there yet.

    Raises:
        ArtifactError: there are no claims, or the file is there.
    """
    if target.exists():
        raise ArtifactError(f"{target} is there already: write another --out, or delete it.")
    claims = read_claims(results / "claims/claims.csv")
    started, ended = times(results)
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder)
        copy_sources(root, staged)
        copy_results(results, staged / "results")
        notes = {
            "commit.txt": commit(root),
            "uncommitted.diff": git(root, "diff", "HEAD"),
            "environment.json": json.dumps(environment(), indent=1) + "\n",
            "settings.json": json.dumps(settings(results), indent=1, sort_keys=True) + "\n",
            "SHA256SUMS.txt": checksums(results),
            "checklist.md": checklist(results, claims),
        }
        for name, text in notes.items():
            (staged / name).write_text(text, encoding="utf-8")
        crate = described(staged, root, claims["scale"].iloc[0], tally(claims), started, ended)
        target.parent.mkdir(parents=True, exist_ok=True)
        crate.write_zip(target)
    return target


def described(staged: Path, root: Path, scale: str, verdicts: str, started: datetime, ended: datetime) -> ROCrate:
    """The crate of a folder whose files are all in place."""
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    crate = ROCrate(version="1.1")  # what the profiles are written for
    crate.name = f"dropscape {citation['version']}, scale {scale}"
    crate.description = f"{citation['title']}. A run at the scale {scale}. {verdicts}"
    crate.license = "https://spdx.org/licenses/MIT"
    crate.root_dataset["conformsTo"] = [crate.add(profile(crate, *one)) for one in PROFILES.items()]
    author = crate.add(organisation(crate, "#authors", citation["authors"][0]["name"]))
    crate.root_dataset["author"] = crate.root_dataset["publisher"] = author
    workflow = crate.add_workflow(
        staged / "workflow/Snakefile",
        "workflow/Snakefile",
        main=True,
        lang="snakemake",
        properties={"name": "dropscape", "version": citation["version"], "license": "https://spdx.org/licenses/MIT"},
    )
    workflow["creator"] = author
    added = {
        path: crate.add_file(path, path.relative_to(staged).as_posix(), properties=properties(path))
        for path in sorted(staged.rglob("*"))
        if path.is_file() and path != staged / "workflow/Snakefile"
    }
    of_run = staged / "results"
    made = [entity for path, entity in added.items() if path.is_relative_to(of_run)]
    read = [entity for path, entity in added.items() if path.parts[len(staged.parts)] in ("config", "settings.json")]
    run = crate.add(
        ContextEntity(
            crate,
            "#run",
            properties={
                "@type": "CreateAction",
                "name": f"Run of dropscape at the scale {scale}",
                "startTime": started.isoformat(timespec="seconds"),
                "endTime": ended.isoformat(timespec="seconds"),
                "actionStatus": "http://schema.org/CompletedActionStatus",
            },
        )
    )
    # What refers to other entities is set afterwards, which writes their names alone.
    for name, entities in {"instrument": workflow, "agent": author, "object": read, "result": made}.items():
        run[name] = entities
    crate.root_dataset["mentions"] = [run]
    return crate


def profile(crate: ROCrate, address: str, named: tuple[str, str]) -> ContextEntity:
    """A profile that the crate conforms to."""
    return ContextEntity(crate, address, properties={"@type": "CreativeWork", "name": named[0], "version": named[1]})


def organisation(crate: ROCrate, identifier: str, name: str) -> ContextEntity:
    """Who wrote the workflow."""
    return ContextEntity(crate, identifier, properties={"@type": "Organization", "name": name})


def properties(path: Path) -> dict[str, Any]:
    """What the crate says of a file."""
    return {
        "name": path.name,
        "encodingFormat": TYPES.get(path.suffix, "text/plain"),
        "contentSize": str(path.stat().st_size),
        "sha256": sha256(path),
    }


def copy_sources(root: Path, staged: Path) -> None:
    """Copy what the repository's workflow is made of, as it stands now; with git but for what it ignores."""
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", *SOURCES, *SINGLE).split("\0")
    names = [name for name in listed if name] or [
        str(path.relative_to(root))
        for part in (*SOURCES, *SINGLE)
        for path in [root / part, *(root / part).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts and not any("egg-info" in part for part in path.parts)
    ]
    _copy(root, [Path(name) for name in names if (root / name).is_file()], staged)


def copy_results(results: Path, staged: Path) -> None:
    """Copy claims, figures, theory and the report, and every job's record of what made it, time and memory."""
    names = [path.relative_to(results) for part in RESULTS for path in (results / part).rglob("*") if path.is_file()]
    names += [path.relative_to(results) for path in results.rglob("*provenance.json")]
    names += [path.relative_to(results) for path in (results / "data").glob("*.json")]
    names += [path.relative_to(results) for path in (results / ".code").glob("*")]
    names += [path.relative_to(results) for path in (results / "benchmarks").rglob("*.tsv")]
    _copy(results, sorted({name for name in names if name.suffix not in LARGE}), staged)


def _copy(folder: Path, names: Iterable[Path], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target / name)


def settings(results: Path) -> dict[str, Any]:
    """What every job was given, by its rule and what it was for."""
    folder = results / ".settings"
    return {path.relative_to(folder).with_suffix("").as_posix(): read_json(path) for path in folder.rglob("*.json")}


def checksums(results: Path) -> str:
    """The lines of ``sha256sum`` for all files of the results, those too that are not in the archive."""
    paths = sorted(path for path in results.rglob("*") if path.is_file() and ".checkpoints" not in path.parts)
    return "".join(f"{sha256(path)}  results/{path.relative_to(results)}\n" for path in paths)


def times(results: Path) -> tuple[datetime, datetime]:
    """When the first job began and the last one ended, by their records; ArtifactError without any."""
    files = [(path, path.stat().st_mtime) for path in (results / "benchmarks").rglob("*.tsv")]
    if not files:
        raise ArtifactError(f"{results}/benchmarks holds no record of a job: run the workflow at this scale first.")
    first, end = min(files, key=lambda one: one[1]), max(time for _, time in files)
    seconds = first[0].read_text(encoding="utf-8").splitlines()[-1].split("\t")[0]
    start = first[1] - (float(seconds) if seconds.replace(".", "").isdecimal() else 0.0)
    return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)


def environment() -> dict[str, Any]:
    """The machine and every package of this environment."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "packages": dict(sorted((one.metadata["Name"].lower(), one.version) for one in distributions())),
    }


def commit(root: Path) -> str:
    """The commit of the repository, and whether files differ from it."""
    found = git(root, "rev-parse", "HEAD").strip()
    if not found:
        return "The repository has no git history here.\n"
    changed = git(root, "status", "--porcelain", *SOURCES, *SINGLE)
    return f"{found}\n{'with changes that are not committed (uncommitted.diff)' if changed else 'without changes'}\n"


def git(root: Path, *words: str) -> str:
    """What git says of the repository; nothing where there is no git, or only one of a folder above."""
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
