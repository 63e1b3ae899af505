"""What figures and claims say of generated data: the description that a dataset would have."""

from collections.abc import Mapping
from typing import Any

from dropscape.artifacts.files import write_json
from dropscape.subnetworks.distributions import distribution_called

WORDS = {"caps": "two opposite caps of the sphere", "sectors": "four sectors of the sphere"}


def describe(settings: Mapping[str, Any], path: str) -> None:
    """Write the description of a distribution, whose examples no file holds: every training draws its own.

    Args:
        settings: ``distribution``, ``dimension``, ``separation`` and ``test_examples``.
        path: where it is written.

    Raises:
        ConfigurationError: there is no such distribution, or its numbers cannot work.
    """
    name = settings["distribution"]
    distribution = distribution_called(name, settings["dimension"], settings["separation"])
    # The margin is in proportion to the keep probability q.
    words = f"{WORDS[name]} in {settings['dimension']} dimensions, margin {distribution.margin(1.0):.3g} q"
    write_json(
        path,
        {
            "dataset": name,
            "source": "embedded",
            "origin": f"generated points: {words}",
            "files": {},
            "checksums_verified": True,
            "counts": {"test": settings["test_examples"]},
            "licence": "generated, free of rights",
            "differs": "",
            "label": f"generated points, {words}, fresh ones at every iteration",
        },
    )
