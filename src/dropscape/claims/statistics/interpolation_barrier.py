"""How high the loss is between two objectives' end points (paper B, Fig. 14a, b)."""

from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.objectives import TwoObjectivesStatistic
from dropscape.claims.statistic import Tables


class InterpolationBarrier(TwoObjectivesStatistic):
    """Largest loss between two objectives' end points."""

    above: Literal["zero", "ends"] = Field(
        description="The loss itself (above `zero`), or its rise above the higher one of the `ends`."
    )
    other_seeds: bool = Field(
        False, description="To the second objective's end point of another seed, which has another initialisation."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the largest of the pairs' means over seeds, in units of the loss; a rise is 0 without a barrier."""
        paths = self.paths(tables, experiment, self.other_seeds)
        highest = np.stack([path.losses.max(axis=1) for path in paths.values()], axis=1)
        ends = np.stack([path.losses[:, [0, -1]].max(axis=1) for path in paths.values()], axis=1)
        values = highest - ends if self.above == "ends" else highest
        index = int(values.mean(axis=0).argmax())
        (first, second), path = list(paths.items())[index]
        note = (
            f"largest of {len(paths)} pairs between {first} and {second}, which end {path.distance:.2g} of their norm "
            f"apart at losses of at most {ends[:, index].mean():.3g}"
        )
        return over_settings(values, "largest", note)
