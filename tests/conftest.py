"""How all tests run."""

import pytest
from hypothesis import settings

from tests.workflow.project import ROOT, Project

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("dropscape", deadline=None)
settings.load_profile("dropscape")


def together(nodeid: str) -> str:
    """What a test stays together with where tests run side by side: its file, or all that use the one smoke run."""
    file = nodeid.partition("::")[0]
    return "smoke" if file.startswith("tests/workflow/") or file == "tests/test_readme.py" else file


def pytest_collection_modifyitems(items):
    """The smoke run takes longest, so it comes first."""
    items.sort(key=lambda item: together(item.nodeid) != "smoke")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Workers take what belongs together as one."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        _split_scope = staticmethod(together)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory) -> Project:
    """The whole smoke scale, run once; a test that changes a file of it puts the file back."""
    project = Project(ROOT).clone(tmp_path_factory.mktemp("smoke"))
    project.succeeded()
    return project
