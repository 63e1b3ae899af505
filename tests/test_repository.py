"""What a host of the repository, an editor and a container engine read names commands and files that there are."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
RULES = re.findall(r"^([a-z][a-z -]*):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
TARGETS = {".venv/up-to-date", *(name for names in RULES for name in names.split())}


def pinned():
    """The names of the packages that the tests' lock pins."""
    return set(re.findall(r"^([\w.-]+)==", (ROOT / "envs/test.lock").read_text(), re.MULTILINE))


def read(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_of_the_host_calls_targets_and_files_that_there_are(path):
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # else `on` is true
    assert {"name", "on", "permissions", "jobs"} <= set(content)
    commands = [step["run"] for job in content["jobs"].values() for step in job["steps"] if "run" in step]
    made = [target for command in commands for target in re.findall(r"(?:^|&& )make ([\w./-]+)", command)]
    assert made and set(made) <= TARGETS
    for script in re.findall(r"(?:^|\s)(\.ci/\w+)", "\n".join(commands)):
        assert (ROOT / script).stat().st_mode & 0o111, f"{script} cannot be run"


def test_the_image_is_made_from_files_that_there_are():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    scripts = re.findall(r"python (\S+\.py)", text)
    assert scripts and all((ROOT / script).is_file() for script in scripts)
    stages = re.findall(r"^FROM \S+ AS (\w+)", text, re.MULTILINE)
    from_stages = re.findall(r"^FROM (\w+) AS", text, re.MULTILINE)
    assert set(from_stages) <= set(stages)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert not {"envs", "src", "workflow", "config", "pyproject.toml", "docs/columns.yaml"} & set(ignored)


def test_the_devcontainer_builds_a_stage_of_the_image_and_calls_a_target():
    folder = ROOT / ".devcontainer"
    content = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    image = (folder / content["build"]["dockerfile"]).resolve()
    assert image == ROOT / "Dockerfile" and (folder / content["build"]["context"]).resolve() == ROOT
    assert f" AS {content['build']['target']}\n" in image.read_text(encoding="utf-8")
    assert f"useradd --create-home --uid 1000 {content['containerUser']}" in image.read_text(encoding="utf-8")
    assert content["postCreateCommand"] == "make .venv/up-to-date"


def test_the_catalogue_names_a_profile_that_there_is():
    flags = read(".snakemake-workflow-catalog.yml")["usage"]["mandatory-flags"]["flags"]
    option, profile = flags.split()
    assert option == "--workflow-profile" and (ROOT / profile / "config.yaml").is_file()


def test_hooks_before_a_commit_call_what_the_lock_pins():
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert len({hook["id"] for hook in hooks}) == len(hooks) > 3
    for hook in hooks:
        words = hook["entry"].split()
        program = words[2] if words[1:2] == ["-m"] else Path(words[0]).name
        assert words[0].startswith(".venv/bin/")
        assert {"lint-imports": "import-linter"}.get(program, program) in pinned(), hook["entry"]
