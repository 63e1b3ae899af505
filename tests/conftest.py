"""How all tests run."""

import pytest
from hypothesis import settings

from tests.workflow.project import ROOT, Project

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("dropscape", deadline=None)
settings.load_profile("dropscape")


@pytest.hookimpl(wrapper=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    """Where tests run side by side, those of a file stay together, and so do all that use the one smoke run.

    That run takes longest, so it comes first.
    """
    items.sort(key=lambda item: "smoke" not in item.fixturenames)
    for item in items:
        group = "smoke" if "smoke" in item.fixturenames else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
    return (yield)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory) -> Project:
    """The whole smoke scale, run once; a test that changes a file of it puts the file back."""
    project = Project(ROOT).clone(tmp_path_factory.mktemp("smoke"))
    project.succeeded()
    return project
