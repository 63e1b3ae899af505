"""What imports torchvision runs in a process of its own: an import cannot be undone."""

import shutil
import subprocess
import sys

import numpy.random
import pytest

from dropscape.data import torchvision_operators


def run(code: str) -> list[str]:
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
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
IMPORT = "from dropscape.data.torchvision_operators import import_torchvision\n"


def test_datasets_transforms_and_models_work():
    assert run(IMPORT + USE) == ["works"]


def test_works_after_an_import_that_failed():
    attempt = "try:\n    import torchvision\nexcept RuntimeError:\n    pass\n"
    assert run(attempt + IMPORT + USE) == ["works"]


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """An empty package that is found in torchvision's place; the tests add a compiled part to it."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return package


def test_a_compiled_part_that_loads(stand_in):
    shutil.copy(numpy.random.bit_generator.__file__, stand_in / "_C.so")
    assert torchvision_operators._compiled_operators_load()


def test_a_compiled_part_that_does_not_load(stand_in):
    (stand_in / "_C.so").write_bytes(b"no library")
    assert not torchvision_operators._compiled_operators_load()


def test_a_compiled_part_that_is_missing(stand_in):
    assert not torchvision_operators._compiled_operators_load()


def test_nothing_is_declared_where_the_compiled_part_loads(stand_in):
    shutil.copy(numpy.random.bit_generator.__file__, stand_in / "_C.so")
    code = f"""
import sys, torch
sys.path.insert(0, {str(stand_in.parent)!r})
from dropscape.data import torchvision_operators
assert torchvision_operators.import_torchvision().__file__.startswith({str(stand_in)!r})
print(torchvision_operators._declared, hasattr(torch.ops.torchvision, "nms"))
"""
    assert run(code) == ["None", "False"]
