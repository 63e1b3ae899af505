"""Where the gap between full networks and their sub-networks is larger (paper D, Fig. 1 and 2)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, over_settings, unmeasured
from dropscape.claims.statistic import Tables
from dropscape.claims.subnetworks import SubnetworksStatistic


class SubnetworkGapChange(SubnetworksStatistic):
    """How much `subnetwork_gap` grows from the smallest to the largest width or dropped share, in percentage points."""

    along: Literal["width", "dropped_share"] = Field(description="Which of the two grows.")
    between: Literal["ends", "largest", "smallest"] = Field(
        "ends", description="`ends`: from the smallest to the largest; else the extreme of the changes to the next one."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the mean over the settings of the other of the two."""
        _, gaps = self.accuracies(tables, experiment)
        levels = sorted(set(gaps.columns.get_level_values(self.along)))
        word = self.along.replace("_", " ")
        if len(levels) < 2:
            return unmeasured(f"{experiment} has one {word}")
        if self.between != "ends":
            means = gaps.T.groupby(level=self.along).mean().T[levels]
            note = ", ".join(f"{mean:.2f} at {level:,g}" for level, mean in means.mean().items())
            return over_settings(means.diff(axis=1).iloc[:, 1:].to_numpy(), self.between, note)
        one, other = (gaps.xs(level, axis=1, level=self.along) for level in (levels[0], levels[-1]))
        rows = (other - one).to_numpy()
        note = f"{one.to_numpy().mean():.2f} at {word} {levels[0]:,g}, {other.to_numpy().mean():.2f} at {levels[-1]:,g}"
        return over_seeds(rows.mean(axis=1), note)
