"""What figures and claims say of generated data: the description that a dataset would have."""

from dropscape.artifacts.files import write_json
from dropscape.data.descriptions import generated_description
from dropscape.jobs import Job
from dropscape.subnetworks.distributions import make_distribution


def describe(job: Job) -> None:
    """Write the description of a distribution, whose examples no file holds: every training draws new ones.

    A ConfigurationError says that there is no such distribution, or that its numbers cannot work.
    """
    settings = job.settings
    name = settings["distribution"]
    distribution = make_distribution(name, settings["dimension"], settings["separation"])
    # The margin is in proportion to the keep probability q.
    words = f"{distribution.words} in {settings['dimension']} dimensions, margin {distribution.margin(1.0):.3g} q"
    description = generated_description(
        name,
        {"test": settings["test_examples"]},
        origin=f"generated points: {words}",
        label=f"generated points, {words}, fresh ones at every iteration",
    )
    write_json(job.outputs["description"], description)
