"""The tests on a pretended GPU run in a process of their own: ``python -m pytest tests/gpu``.

The guard changes the whole process and comes before torch, so a run of other tests does not collect these;
``tests/test_pretended_gpu.py`` starts their process.
"""

from pathlib import Path

import pytest

from tests.gpu import guard

HERE = Path(__file__).parent


def _alone(config) -> bool:
    """Whether all that was asked for is in this folder."""
    paths = [Path(config.invocation_params.dir, argument.partition("::")[0]).resolve() for argument in config.args]
    return all(path == HERE or HERE in path.parents for path in paths)


def pytest_ignore_collect(config):
    return None if _alone(config) else True


def pytest_configure(config):
    if _alone(config) and guard.why_not() is None:
        guard.load()


@pytest.fixture(autouse=True)
def _loaded(pytestconfig):
    if guard.why_not():
        pytest.skip(guard.why_not())
    assert _alone(pytestconfig), "these tests run in a process of their own: ask for nothing beside tests/gpu"


@pytest.fixture
def counts():
    """A GPU for the test, and what it is asked to do."""
    from tests.gpu.pretended import pretended  # which imports torch

    with pretended() as counts:
        yield counts
