"""What is measured over what a theorem of paper D bounds it by (Theorems 4.1 and 4.2, Lemma 5.2)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, counted
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.subnetworks.slopes import NETWORK

_BOUNDS = {"full": "error_bound", "visited": "compression_bound", "distance": "distance_bound"}


class BoundRatio(ExperimentStatistic):
    """The most of any training of a measured quantity over its bound of paper D; above 1 it is a counter-example."""

    of: Literal["full", "visited", "distance"] = Field(
        description="`full`, `visited`: the error of full networks or of visited sub-networks, mean over the iterates; "
        "`distance`: the farthest that a neuron moved."
    )
    worst: bool = Field(
        False,
        description="Whether the worst value that is possible is taken instead of the measured one: an error of 1, a "
        "distance of 2c. A bound that it does not exceed says nothing.",
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the last iterate."""
        bounds = tables.experiment_table(experiment, "margins")
        if self.of == "distance":
            table = tables.experiment_table(experiment, "distances")
            measured = 2 * table["bound"] if self.worst else table["largest"]
        else:
            table = tables.experiment_table(experiment, "errors")
            measured = table[f"mean_error_{self.of}"]
            measured = measured * 0 + 1 if self.worst else measured
        last = table.assign(measured=measured)[table["step"] == table["step"].max()].merge(bounds, on=NETWORK)
        bound = last[_BOUNDS[self.of]]
        ratio = last["measured"] / bound
        note = f"{last['measured'][ratio.idxmax()]:.2g} of {bound[ratio.idxmax()]:.2g}"
        if self.of != "distance":
            note += f"; the bound of the full network is below 1 from {last['informative_steps'].min():.1e} steps on"
        required = last["required_width"]
        note += f"; stated for widths from {required.min():.1e} to {required.max():.1e}, by keep probability"
        return counted(ratio.max(), last["seed"].nunique(), note)
