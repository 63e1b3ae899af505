"""Whether sub-networks lose more than full networks, as Jensen's inequality says (paper D, section 5)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.claims.subnetworks import which_setting


class JensenRatio(ExperimentStatistic):
    """Loss of visited sub-networks over that of the full network on fresh examples, mean over the recorded iterates."""

    reference: Literal["full", "small"] = Field(
        "full",
        description="`full`: q W_t, as at test time; `small`: q^2 W_t, of which Jensen's inequality says nothing.",
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the smallest of the widths and keep probabilities; masks are independent from iterate to iterate."""
        errors = tables.experiment_table(experiment, "errors")
        errors = errors[errors["step"] > 0]
        ratios = errors.assign(ratio=errors["loss_visited"] / errors[f"loss_{self.reference}"])
        rows = ratios.pivot_table(index="seed", columns=["width", "keep_prob"], values="ratio")
        iterates = int(ratios.groupby(["width", "keep_prob", "seed"]).size().min())
        note = f"{which_setting(rows.mean(), 'smallest', 'keep_prob')}; {iterates} iterates of each training"
        return over_settings(rows.to_numpy(), "smallest", note)
