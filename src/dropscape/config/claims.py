"""The typed configuration of the claims, ``config/claims.yaml``."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dropscape.config.fields import Count, Name, Positive, Strict
from dropscape.config.statistics import ARGUMENTS, OfTheory, checked_arguments


class Expected(Strict):
    """What a claim expects of its statistic: above a number, below one, or near one."""

    above: float | None = Field(None, description="The claim holds above this number.")
    below: float | None = Field(None, description="The claim holds below this number.")
    near: Positive | None = Field(None, description="The claim holds within `factor` of this number.")
    factor: Annotated[float, Field(gt=1)] | None = Field(
        None, description="Written with `near`: so many times smaller or larger is still near."
    )

    @model_validator(mode="after")
    def _one_kind(self):
        given = [key for key in ("above", "below", "near") if getattr(self, key) is not None]
        if len(given) != 1 or (self.near is None) != (self.factor is None):
            raise ValueError("write one of {above: x}, {below: x} or {near: x, factor: f}")
        return self


class ClaimSettings(Strict):
    """One sentence of a paper turned into a statistic."""

    study: Name = Field(description="The paper.")
    figure: str | None = Field(None, description="The figure that shows it; null for a claim about theory.")
    experiment: str | None = Field(
        None, description="Which of the figure's experiments it is about; null where there is only one."
    )
    statement: str = Field(description="The sentence.")
    paper: str = Field(description="The paper's own number or word.")
    measures: str = Field(description="The statistic, in words.")
    statistic: Literal[tuple(ARGUMENTS)] = Field(description="What is measured; the statistics are listed below.")
    arguments: dict[str, Any] = Field({}, description="What the statistic is given.", validate_default=True)
    expected: Expected = Field(description="What the sentence says of the statistic.")
    least_points: Count = Field(8, description="With fewer points nothing is judged.")

    @field_validator("arguments")
    @classmethod
    def _known_arguments(cls, arguments: dict[str, Any], others: ValidationInfo) -> dict[str, Any]:
        # An unknown statistic is reported by itself and is then absent here.
        statistic = others.data.get("statistic")
        return checked_arguments(statistic, arguments) if statistic else arguments

    @model_validator(mode="after")
    def _has_a_figure_or_not(self):
        of_theory = issubclass(ARGUMENTS[self.statistic], OfTheory)
        if of_theory == (self.figure is not None):
            needs = "a table of theory: leave figure out" if of_theory else "the runs of a figure: write figure"
            raise ValueError(f"statistic '{self.statistic}' is measured on {needs}")
        return self
