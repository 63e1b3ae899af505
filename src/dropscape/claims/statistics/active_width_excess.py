"""Whether visited sub-networks are as narrow as sqrt(2 m ln(T / delta)) allows (paper D, section 4)."""

from dropscape.claims.measured import Measured, counted
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.subnetworks.slopes import NETWORK


class ActiveWidthExcess(ExperimentStatistic):
    """Active neurons beyond q m over as many as the bound of paper D allows, the most of any training."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on the masks of all steps."""
        margins = tables.experiment_table(experiment, "margins")[[*NETWORK, "active_bound"]]
        together = tables.experiment_table(experiment, "errors").merge(margins, on=NETWORK)
        expected = together["keep_prob"] * together["width"]
        excess = (together["most_active"] - expected) / (together["active_bound"] - expected)
        masks = int((margins.merge(together.groupby(NETWORK)["step"].max(), on=NETWORK)["step"] + 1).sum())
        note = f"{masks:,} masks of {len(margins)} trainings"
        return counted(excess.max(), margins["seed"].nunique(), note)
