"""What ``make audit`` makes of pip-audit's report."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "envs" / "audit.py"


@pytest.fixture
def audit(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("audit", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    return module


def tool(folder, text):
    """A pip-audit that notes its arguments, prints a text and, as the real one, fails where it found something."""
    path = folder / ".venv/audit/bin/pip-audit"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho \"$@\" > asked\ncat <<'END'\n{text}\nEND\nexit 1\n")
    path.chmod(0o755)


KNOWN = '{"name": "a", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}'
SOUND = '{"name": "b", "version": "2.0", "vulns": []}'
SKIPPED = '{"name": "c", "skip_reason": "not found"}'


def test_a_known_vulnerability_is_an_error_that_names_the_version_to_write(audit, tmp_path, capsys):
    tool(tmp_path, f'{{"dependencies": [{KNOWN}, {SOUND}, {SKIPPED}]}}')
    assert audit.main() == 1
    said = capsys.readouterr().out
    assert "Of 3 pinned packages 2 were audited, 1 vulnerabilities known." in said
    assert "a 1.0: CVE-1, mended in 1.1" in said
    asked = (tmp_path / "asked").read_text()
    for name in ("envs/torch.lock", "envs/runtime.lock", "envs/test.lock", "benchmarks/requirements.txt"):
        assert f"--requirement {name}" in asked


def test_sound_packages_are_no_error(audit, tmp_path, capsys):
    tool(tmp_path, f'{{"dependencies": [{SOUND}]}}')
    assert audit.main() == 0
    assert capsys.readouterr().out == "Of 1 pinned packages 1 were audited, 0 vulnerabilities known.\n"


def test_without_an_answer_it_is_left_out_with_a_sentence(audit, tmp_path, capsys):
    tool(tmp_path, "ERROR: could not connect")
    assert audit.main() == 0
    assert "were not audited: what is known of them cannot be reached" in capsys.readouterr().out


def test_a_tool_that_cannot_be_installed_is_no_error(audit, monkeypatch, capsys):
    def no_network(command, **options):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", no_network)
    assert audit.main() == 0
    assert "were not audited" in capsys.readouterr().out
