"""Whether visited sub-networks are as narrow as sqrt(2 m ln(T / delta)) allows (paper D, section 4)."""

from dropscape.claims.measured import Measured, counted
from dropscape.claims.statistic import ExperimentStatistic, Tables


class ActiveWidthExcess(ExperimentStatistic):
    """Active neurons beyond q m over as many as the bound of paper D allows, the most of any training."""

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on the masks of all steps."""
        training = ["width", "keep_prob", "seed"]
        margins = tables.experiment_table(experiment, "margins")[[*training, "active_bound"]]
        together = tables.experiment_table(experiment, "errors").merge(margins, on=training)
        expected = together["keep_prob"] * together["width"]
        excess = (together["most_active"] - expected) / (together["active_bound"] - expected)
        masks = int((margins.merge(together.groupby(training)["step"].max(), on=training)["step"] + 1).sum())
        note = f"{masks:,} masks of {len(margins)} trainings"
        return counted(excess.max(), margins["seed"].nunique(), note)
