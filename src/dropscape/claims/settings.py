"""The typed configuration of the claims, ``config/claims/<study>.yaml``."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any, Union

from pydantic import Field, ValidationError, field_validator, model_validator

from dropscape.claims.statistic import Statistic, TheoryStatistic
from dropscape.discovery import subclasses, submodules
from dropscape.schema import Count, Positive, Strict

STATISTICS: dict[str, type[Statistic]] = {
    kind.__module__.rpartition(".")[2]: kind
    for kind in subclasses(submodules("dropscape.claims.statistics"), Statistic)
}


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

    figure: str | None = Field(None, description="The figure that shows it; null for a claim about theory.")
    experiment: str | None = Field(
        None, description="Which of the figure's experiments it is about; null where there is only one."
    )
    statement: str = Field(description="The sentence.")
    paper: str = Field(description="The paper's own number or word.")
    measures: str = Field(description="The statistic, in words.")
    statistic: Union[tuple(STATISTICS.values())] = Field(  # noqa: UP007
        discriminator="name", description="What is measured: its `name` and its arguments, both listed below."
    )
    expected: Expected = Field(description="What the sentence says of the statistic.")
    min_points: Count = Field(8, description="With fewer points nothing is judged.")

    @field_validator("statistic", mode="wrap")
    @classmethod
    def _in_one_sentence(cls, written: Any, validated: Callable[[Any], Statistic]) -> Statistic:
        try:
            return validated(written)
        except ValidationError as error:
            raise ValueError(_explained(written, error.errors()[0])) from None

    @model_validator(mode="after")
    def _has_a_figure_or_not(self):
        of_theory = isinstance(self.statistic, TheoryStatistic)
        if of_theory == (self.figure is not None):
            needs = "a table of theory: leave figure out" if of_theory else "the runs of a figure: write figure"
            raise ValueError(f"statistic '{self.statistic.name}' is measured on {needs}")
        return self


def _explained(written: Any, problem: Any) -> str:
    """What is wrong with a statistic, in one sentence that says what it takes."""
    name = written.get("name") if isinstance(written, dict) else None
    if name is None:
        return f"{written!r} does not name a statistic: write {{name: ..., and its arguments}}"
    if str(name) not in STATISTICS:
        close = get_close_matches(str(name), STATISTICS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"write one of {', '.join(STATISTICS)}"
        return f"there is no statistic '{name}': {hint}"
    wrong = {"unknown_key": "is not one of its arguments", "missing": "is missing"}.get(
        problem["type"], f"is {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
    )
    argument = problem["ctx"]["key"] if problem["type"] == "unknown_key" else problem["loc"][1]
    takes = ", ".join(key for key in STATISTICS[name].model_fields if key != "name") or "none"
    return f"'{argument}' of statistic '{name}' {wrong}; it takes {takes}"
