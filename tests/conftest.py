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


# They take longest and wait for the one smoke run, so they come first; files go to the workers in this order.
FIRST = ("tests/workflow/test_slurm.py", "tests/test_readme.py")


def pytest_collection_modifyitems(items):
    files = {file: place for place, file in enumerate(FIRST)}
    items.sort(key=lambda item: files.get(item.nodeid.partition("::")[0], len(FIRST)))


@pytest.fixture(scope="session")
def smoke(tmp_path_factory, worker_id) -> Project:
    """The whole smoke scale, run once for all workers; a test that changes a file of it puts the file back."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    with FileLock(shared / "smoke.lock"):
        made = Project(shared / "smoke")
        if not made.root.exists():
            project = Project(ROOT).clone(tmp_path_factory.mktemp("smoke"))
            project.succeeded()
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
