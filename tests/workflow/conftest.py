import pytest

from tests.workflow.project import Job, Project


@pytest.fixture(scope="session")
def jobs(smoke) -> list[Job]:
    """Every job of the smoke scale."""
    return smoke.succeeded("--dry-run", "--forceall")


@pytest.fixture
def copy(smoke, tmp_path) -> Project:
    """A copy of the smoke scale with its results, to run something in."""
    return smoke.clone_with_results(tmp_path / "copy")
