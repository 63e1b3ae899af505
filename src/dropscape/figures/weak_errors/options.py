"""The options of a figure of kind ``weak_errors``."""

from typing import Literal

from pydantic import Field, model_validator

from dropscape.figures.settings import StageFigure
from dropscape.schema import KeepProb


class WeakErrors(StageFigure):
    """How far expectations along the equations are from dropout's (paper C, Definition 1 and Fig. 1b, c)."""

    experiment_tables = ("weak_errors", "few_trials")
    caption = "Expectations along the modified equations are compared with dropout's ({reference})."

    compare: Literal["keep_probs", "test_functions", "few_trials"] = Field(
        "keep_probs",
        description="`keep_probs`: the expected parameters, one curve for each keep probability; `test_functions`: a "
        "panel for each test function, one curve for each method; `few_trials`: the paper's own protocol.",
    )
    keep_prob: KeepProb | None = Field(None, description="Of `test_functions`.")

    @model_validator(mode="after")
    def _keep_prob_of_test_functions(self):
        if (self.keep_prob is None) == (self.compare == "test_functions"):
            raise ValueError("keep_prob belongs to compare: test_functions; write both or neither")
        return self
