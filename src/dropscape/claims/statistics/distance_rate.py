"""How far neurons move from their initialisation in wide networks (paper D, Lemma 5.2)."""

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.subnetworks.slopes import distance_slopes


class DistanceRate(ExperimentStatistic):
    """Minus the slope of the log largest distance of a neuron from its initialisation over log width."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the last iterate, as the mean over the keep probabilities."""
        distances = tables.experiment_table(experiment, "distances")
        slopes = distance_slopes(distances)
        rows = slopes.pivot_table(index="seed", columns="keep_prob", values="slope", dropna=False)
        widths = sorted(set(distances["width"]))
        if rows.isna().to_numpy().any():
            return unmeasured(f"{len(widths)} widths; a slope needs three")
        mean = -distance_slopes(distances, "mean")["slope"].mean()
        measured_at = f"{len(widths)} widths from {widths[0]:,} to {widths[-1]:,}"
        note = f"{measured_at}; of the mean distance of the neurons {mean:.2f}"
        return over_seeds(-rows.mean(axis=1), note, points=len(widths))
