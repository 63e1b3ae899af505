"""How far neurons move from their initialisation in wide networks (paper D, Lemmas 5.2 and B.1)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.subnetworks.slopes import at_last_step, distance_slopes

LAZY = 0.1  # share of activations up to which it is proportional to the distances


class DistanceRate(ExperimentStatistic):
    """Minus the slope over log width of the log of how far networks are from their initialisation."""

    of: Literal["largest", "flipped"] = Field(
        "largest",
        description="`largest`: the largest distance of a neuron; `flipped`: the share of activations that changed, at "
        "widths where it is small: half of them at most can change.",
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the last iterate, as the mean over the keep probabilities."""
        distances = tables.experiment_table(experiment, "distances")
        if self.of == "flipped":
            share = at_last_step(distances).groupby("width")["flipped"].max()
            distances = distances[distances["width"].map(share) < LAZY]
            if distances["width"].nunique() < 3:
                return unmeasured(f"fewer than three widths at which less than {LAZY:.0%} of the activations change")
        slopes = distance_slopes(distances, self.of)
        rows = slopes.pivot_table(index="seed", columns="keep_prob", values="slope", dropna=False)
        widths = sorted(set(distances["width"]))
        if rows.isna().to_numpy().any():
            return unmeasured(f"{len(widths)} widths; a slope needs three")
        note = f"{len(widths)} widths from {widths[0]:,} to {widths[-1]:,}"
        if self.of == "largest":
            mean = -distance_slopes(distances, "mean")["slope"].mean()
            note += f"; of the mean distance of the neurons {mean:.2f}"
        return over_seeds(-rows.mean(axis=1), note, points=len(widths))
