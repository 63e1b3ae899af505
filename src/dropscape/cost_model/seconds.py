"""What jobs cost, for a process that is not to load torch: ``python -m dropscape.cost_model.seconds``.

It reads JSON from the standard input: ``config`` (the user's keys), ``root`` (the repository) and ``jobs``, by number
the rule and wildcards of each. It writes the seconds of a core that each job takes, by its number, but of those that
nobody has counted.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dropscape.config.load import load_settings
from dropscape.cost_model.job_costs import job_cost
from dropscape.resolved.workflow import Workflow


def seconds_of(jobs: Mapping[str, Sequence[Any]], workflow: Workflow) -> dict[str, float]:
    """The seconds of each job, by its number, from its rule and wildcards."""
    counted = {}
    for number, (rule, wildcards) in jobs.items():
        with suppress(LookupError):
            counted[number] = job_cost(rule, workflow, wildcards).seconds
    return counted


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    workflow = Workflow(load_settings(asked["config"], Path(asked["root"])))
    json.dump(seconds_of(asked["jobs"], workflow), sys.stdout)
