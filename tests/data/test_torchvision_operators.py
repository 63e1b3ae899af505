"""What imports torchvision runs in another process: an import cannot be undone."""

import shutil
import subprocess
import sys

import numpy.random
import pytest

from tests.data import torchvision_operators
from tests.workflow.project import ROOT


def run(code: str) -> list[str]:
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


USE = """
import torch
torchvision = import_torchvision()
network = torchvision.models.resnet18(weights=None).eval()
assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)
assert torchvision.transforms.functional.hflip(torch.arange(3.0)[None, None]).tolist() == [[[2.0, 1.0, 0.0]]]
assert torchvision.datasets.MNIST.resources
assert import_torchvision() is torchvision
print("works")
"""
IMPORT = "from tests.data.torchvision_operators import import_torchvision\n"


def test_datasets_transforms_and_models_work():
    assert run(IMPORT + USE) == ["works"]


def test_works_after_an_import_that_failed():
    attempt = "try:\n    import torchvision\nexcept RuntimeError:\n    pass\n"
    assert run(attempt + IMPORT + USE) == ["works"]


@pytest.fixture
def empty_package(tmp_path, monkeypatch):
    """An empty package that is found instead of torchvision; the tests add a compiled library to it."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return package


def test_a_compiled_library_that_loads(empty_package):
    shutil.copy(numpy.random.bit_generator.__file__, empty_package / "_C.so")
    assert torchvision_operators._compiled_operators_load()


def test_a_compiled_library_that_does_not_load(empty_package):
    (empty_package / "_C.so").write_bytes(b"no library")
    assert not torchvision_operators._compiled_operators_load()


def test_a_compiled_library_that_is_missing(empty_package):
    assert not torchvision_operators._compiled_operators_load()


def test_nothing_is_declared_where_the_compiled_library_loads(empty_package):
    shutil.copy(numpy.random.bit_generator.__file__, empty_package / "_C.so")
    code = f"""
import sys, torch
sys.path.insert(0, {str(empty_package.parent)!r})
from tests.data import torchvision_operators
assert torchvision_operators.import_torchvision().__file__.startswith({str(empty_package)!r})
print(torchvision_operators._declared, hasattr(torch.ops.torchvision, "nms"))
"""
    assert run(code) == ["None", "False"]
