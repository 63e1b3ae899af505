"""Where the gap between full networks and their sub-networks is larger (paper D, Fig. 1 and 2)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import Tables
from dropscape.claims.subnetworks import SubnetworksStatistic


class SubnetworkGapChange(SubnetworksStatistic):
    """How much `subnetwork_gap` grows from the smallest to the largest width or dropped share, in percentage points."""

    along: Literal["width", "dropped_share"] = Field(description="Which of the two grows.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the mean over the settings of the other of the two."""
        _, gaps = self.accuracies(tables, experiment)
        levels = sorted(set(gaps.columns.get_level_values(self.along)))
        word = self.along.replace("_", " ")
        if len(levels) < 2:
            return unmeasured(f"{experiment} has one {word}")
        one, other = (gaps.xs(level, axis=1, level=self.along) for level in (levels[0], levels[-1]))
        rows = (other - one).to_numpy()
        note = f"{one.to_numpy().mean():.2f} at {word} {levels[0]:,g}, {other.to_numpy().mean():.2f} at {levels[-1]:,g}"
        return over_seeds(rows.mean(axis=1), note)
