"""By how much networks are more accurate than others, such as full ones than sub-networks (paper D, Fig. 1 and 2)."""

import math

from pydantic import Field

from dropscape.claims.measured import Measured, Reduced, over_settings, unmeasured
from dropscape.claims.statistic import Tables
from dropscape.claims.subnetworks import SubnetworksStatistic, which_setting
from dropscape.schema import KeepProb


class SubnetworkGap(SubnetworksStatistic):
    """Accuracy of one network minus that of another late in training, in percentage points."""

    over: Reduced = Field(description="Which of the widths' and dropped shares' values is meant.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null means all.")
    widest: bool = Field(
        False,
        description="Whether only the largest width is meant at which the experiment has tested all its networks.",
    )
    magnitude: bool = Field(False, description="Whether the size of the largest difference is meant, not its sign.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it on means over the recorded iterates in the last fifth of training, over masks and over runs."""
        reference, gaps = self.accuracies(tables, experiment)
        if self.widest:
            tested = tables.experiment_table(experiment, "accuracies").groupby("width")["network"].nunique()
            width = tested.index[tested == tested.max()].max()
            gaps = gaps[[column for column in gaps if column[0] == width]]
        if self.keep_prob is not None:
            gaps = gaps[[column for column in gaps if math.isclose(column[1], 1 - self.keep_prob, abs_tol=1e-9)]]
        if not gaps.shape[1]:
            return unmeasured(f"{experiment} has no networks of keep_prob {self.keep_prob:g}")
        accuracy, name = reference[gaps.columns].to_numpy().mean(), self.reference.replace("_", " ")
        note = f"{which_setting(gaps.mean(), self.over, 'dropped share')}; {name} networks have {accuracy:.1f} %"
        return over_settings(gaps.to_numpy(), self.over, note, magnitude=self.magnitude)
