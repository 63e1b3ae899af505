"""Nothing in the library runs what it reads: no unpickling but the restricted one, no code from text, no unpacking."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "dropscape"
# Calls that run or write what the file that they read says, by their last name and the module or object before it.
REFUSED = {
    "torch": {"load"},
    "jit": {"load"},
    "torch.jit": {"load"},
    "hub": {"load", "load_state_dict_from_url"},
    "torch.hub": {"load", "load_state_dict_from_url"},
    "pickle": {"load", "loads", "Unpickler"},
    "marshal": {"load", "loads"},
    "shelve": {"open"},
    "joblib": {"load"},
    "pd": {"read_pickle"},
    "pandas": {"read_pickle"},
    "np": {"load"},
    "numpy": {"load"},
    "yaml": {"load", "full_load", "unsafe_load", "load_all"},
    "os": {"system", "popen"},
    "shutil": {"unpack_archive"},
}
REFUSED_ANYWHERE = {"eval", "exec", "extract", "extractall"}
# Arrays alone, no pickles; and find_class admits three names, which get inert classes (tests/data/test_batches.py).
ADMITTED = {"commands/hessian.py": ["np.load"], "data/batches.py": ["pickle.Unpickler"]}


def test_what_is_admitted_reads_no_pickles():
    assert "np.load(path, allow_pickle=False)" in (SOURCE / "commands/hessian.py").read_text()


def refused_in(tree):
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = getattr(node.value, "id", getattr(node.value, "attr", ""))  # the last name before the dot
            if node.attr in REFUSED.get(owner, ()) or node.attr in {"extract", "extractall"}:
                found.append(f"{owner}.{node.attr}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSED_ANYWHERE:
            found.append(node.func.id)
        if isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{name.name}" for name in node.names if name.name in REFUSED.get(node.module, ())]
    return found


def test_the_library_runs_nothing_that_it_reads():
    found = {
        str(path.relative_to(SOURCE)): refused
        for path in sorted(SOURCE.rglob("*.py"))
        if (refused := refused_in(ast.parse(path.read_text())))
    }
    assert found == ADMITTED


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ntorch.load('x')",
        "from pickle import loads\nloads(b'')",
        "tarfile.open('x').extractall()",
        "eval('1')",
        "yaml.load(x)",
        "torch.jit.load(x)",
        "from torch.hub import load",
        "from numpy import load",
        "import numpy\nnumpy.load(x, allow_pickle=True)",
    ],
)
def test_what_would_run_something_is_noticed(text):
    assert refused_in(ast.parse(text))
