"""Every file is read and written as UTF-8, whatever the locale."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow/scripts").glob("*.py"), ROOT / "envs/prepare.py"]


def without_encoding(source: str) -> list[int]:
    """Lines that open a file as text without saying in which encoding."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        modes = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
        is_file = name in ("read_text", "write_text") or (isinstance(node.func, ast.Name) and name == "open")
        binary = any(isinstance(mode, str) and "b" in mode for mode in modes[-1:])
        if is_file and not binary and not any(keyword.arg == "encoding" for keyword in node.keywords):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_has_an_encoding(path):
    assert not without_encoding(path.read_text(encoding="utf-8"))


def test_what_has_none_is_found():
    assert without_encoding(
        'open("a")\nopen("a", "rb")\nPath("a").read_text()\nopen("a", "w", encoding="utf-8")\n'
    ) == [1, 3]
