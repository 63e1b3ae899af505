"""How all tests run."""

import os

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.disk import Disk
from tests.workflow.project import ROOT, Project

# Tests run side by side: threads of their own would only wait for one another. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("dropscape", deadline=None)
settings.load_profile("dropscape")


# They take longest or wait for the one smoke run, so they come first; files go to the workers in this order.
FIRST = ("tests/workflow/test_slurm.py", "tests/test_readme.py", "tests/test_pretended_gpu.py")


NEEDED = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "needs(*targets): all that the test wants of the smoke scale; alone it makes no more"
    )


def needed(items):
    """The targets of the smoke scale that tests look at; None for all of them, as soon as one does not say."""
    marks = [item.get_closest_marker("needs") for item in items if "smoke" in getattr(item, "fixturenames", ())]
    return None if None in marks else sorted({target for mark in marks for target in mark.args})


def pytest_collection_modifyitems(config, items):
    config.stash[NEEDED] = needed(items)
    files = {file: place for place, file in enumerate(FIRST)}
    items.sort(key=lambda item: files.get(item.nodeid.partition("::")[0], len(FIRST)))


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """A GPU by name only, with a driver and libraries; what a record says of it."""
    import torch

    from dropscape.artifacts import provenance

    driver = tmp_path / "driver"
    driver.write_text("570.86.15\n")
    monkeypatch.setattr(provenance, "DRIVER", driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    return {"gpu": "NVIDIA H200", "driver": "570.86.15", "cuda": "12.8", "cudnn": 91002}


@pytest.fixture(scope="session")
def smoke(request, tmp_path_factory, worker_id) -> Project:
    """The smoke scale, run once for all workers; a test that changes a file of it puts the file back.

    It is whole unless every test that was chosen names what it needs, so that one alone takes less than a minute.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    with FileLock(shared / "smoke.lock"):
        made = Project(shared / "smoke")
        if not made.root.exists():
            project = Project(ROOT).clone(tmp_path_factory.mktemp("smoke"))
            project.succeeded(*(request.config.stash[NEEDED] or ()))
            project.root.rename(made.root)
    return made.clone_with_results(own / "own-smoke")


@pytest.fixture
def disk(tmp_path):
    """A ``Disk`` of the test's own."""
    mounted = Disk(tmp_path / "disk")
    why_not = mounted.mount()
    if why_not is not None:
        pytest.skip(f"no file system can be mounted here: {why_not}")
    yield mounted
    mounted.unmount()
