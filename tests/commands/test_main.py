"""The command as a whole: its help, what it says of misspelt names, completion, and where the repository is."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dropscape.commands.main import SUMMARIES, commands, main
from dropscape.commands.options import spelt
from dropscape.commands.repository import repository
from dropscape.config.user import UserSettings
from dropscape.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_command_and_loads_none(tmp_path):
    code = (
        "import sys; from dropscape.commands.main import main; main(['--help'])\n"
        "print({'torch', 'pydantic', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
    assert all(f"  {name} " in done.stdout for name in SUMMARIES)


def test_every_module_of_a_command_is_in_the_help():
    for name in SUMMARIES:
        assert commands.get_command(None, name).name == name
    folder = Path(importlib.import_module("dropscape.commands").__file__).parent
    with_command = [path.stem for path in folder.glob("*.py") if '@click.command("' in path.read_text()]
    assert sorted(with_command) == sorted(name.replace("-", "_") for name in SUMMARIES)


def test_every_key_of_the_configuration_is_an_option():
    options = {name for one in commands.get_command(None, "reproduce").params for name in one.opts}
    assert {spelt(key.upper()) for key in UserSettings.model_fields} <= options


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fig", "fig2d"], "There is no command 'fig': write figure, or one of reproduce"),
        (["plan", "--sed", "3"], "--seeds"),
        (["plan", "--scale", "smok"], "'smoke'"),
        (["plan", "--cores", "two"], "--cores is two: write a number from 1, or all"),
        (["plan", "--seeds", "[0"], "--seeds is [0, which is no YAML"),
        (["plan", "--profile", "slrm"], "--profile is 'slrm': write one of default, gpu, slurm"),
        (["figure", "fig2q"], "no study has the figure 'fig2q': write fig2"),
        (["figure", "fig2"], "write implicit_regularization-fig2 or subnetworks-fig2"),
        (["figure", "fig3b", "--scale", "smoke"], "leave out the figure 'fig3b': write another scale"),
        (["figure", "fig2d", "--experiments", "[x]"], "--experiments"),
        (["plan", "--figures", "[fig2x]"], "no study has the figure 'fig2x': write fig2"),
        (["compare", "results/nowhere", "results"], "results/nowhere is no folder of results"),
        (["export", "fig2q", "--out", "x"], "no study has the figure 'fig2q'"),
        (["export", "fig2d", "--results", "results/none", "--out", "x"], "is not made yet"),
        (["export", "fig2d", "--out", "README.md"], "README.md is there already: write another --out"),
    ],
)
def test_what_cannot_work_is_one_sentence_with_what_is_near(monkeypatch, capfd, words, said):
    monkeypatch.chdir(ROOT)
    assert main(words) != 0
    error = capfd.readouterr().err
    assert error.startswith("dropscape: ") and error.count("\n") == 1 and said in error


def test_the_repository_is_found_from_below_and_asked_for_elsewhere(tmp_path, monkeypatch, capsys):
    assert repository(ROOT / "src/dropscape") == ROOT
    with pytest.raises(ConfigurationError, match="clone it and run the command there"):
        repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["plan"]) == 1
    assert "not part of the installed package" in capsys.readouterr().err


def test_a_missing_package_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "dropscape.commands.plan", None)

    def missing(name):
        raise ModuleNotFoundError(f"No module named 'snakes' in {name}", name="snakes")

    monkeypatch.setattr("dropscape.commands.main.import_module", missing)
    assert main(["plan"]) == 1
    assert "dropscape plan needs the package 'snakes', which is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dropscape fi", "figure"),
        ("dropscape figure noise_structure-fig2", "noise_structure-fig2d"),
        ("dropscape plan --sc", "--scale"),
    ],
)
def test_the_shell_completes_commands_options_and_figures(words, expected):
    asked = {"_DROPSCAPE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "from dropscape.commands.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert f"plain,{expected}" in done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_lines_of_the_documentation_set_completion_up(shell):
    assert f"_DROPSCAPE_COMPLETE={shell}_source dropscape" in (ROOT / "docs/command-line.md").read_text()
    done = subprocess.run(
        [sys.executable, "-m", "dropscape"],
        env=os.environ | {"_DROPSCAPE_COMPLETE": f"{shell}_source"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"_DROPSCAPE_COMPLETE={shell}_complete" in done.stdout
