"""The typed configuration of the claims, ``config/claims/<study>.yaml``."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union

from pydantic import Field, ValidationError, field_validator, model_validator

from dropscape.claims.statistic import RunStatistic, Statistic, TheoryStatistic
from dropscape.discovery import subclasses, submodules
from dropscape.schema import Count, Name, Positive, Strict

MOST_WORDS = 15  # of a quotation

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


class ControlSettings(Strict):
    """What a claim's statistic must not hold on: a claim that holds there too says nothing."""

    what: str = Field(description="It in words, such as `the training without dropout`.")
    experiment: Name | None = Field(None, description="Its experiment; null: the claim's.")
    run: Name | None = Field(
        None, description="The run that a statistic of runs is measured on; null: each run has a control of its own."
    )
    statistic: dict[str, Any] = Field(
        {}, description="Arguments that replace the claim's; with another `name`, all arguments of that statistic."
    )


class ClaimSettings(Strict):
    """One sentence turned into a statistic."""

    figure: str | None = Field(None, description="The figure that shows it; null for a claim about theory.")
    experiment: str | None = Field(
        None, description="Which of the figure's experiments it is about; null where there is only one."
    )
    run: Name | None = Field(
        None, description="The run that a statistic of runs is measured on; null: every run, judged on the main ones."
    )
    statement: str = Field(description="The sentence.")
    origin: Literal["paper", "reading", "extension", "identity"] = Field(
        description="Whose sentence it is: the paper's own (`paper`), our reading of one that can be read in several "
        "ways (`reading`), ours (`extension`), or what mathematics guarantees and only tests our numbers (`identity`)."
    )
    place: str = Field("", description="Where the paper says so, and its number where it is in a table.")
    quote: str = Field("", description="The paper's own words, at most 15 of them.")
    measures: str = Field(description="The statistic, in words.")
    statistic: Union[tuple(STATISTICS.values())] = Field(  # noqa: UP007
        discriminator="name", description="What is measured: its `name` and its arguments, both listed below."
    )
    expected: Expected = Field(description="What the sentence says of the statistic.")
    control: ControlSettings | str = Field(
        description="What the statistic must not hold on; or, as a sentence, why there is no such thing."
    )
    papers_settings_only: bool = Field(
        False, description="Whether nothing is judged where data or settings are not the paper's, as for its numbers."
    )
    min_points: Count = Field(
        1, description="With fewer points in a seed nothing is judged; at least 3 seeds are needed in any case."
    )

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

    @model_validator(mode="after")
    def _has_runs(self):
        if self.run and not isinstance(self.statistic, RunStatistic):
            raise ValueError(f"run is of statistics of runs, unlike {self.statistic.name}: leave it out")
        return self

    @model_validator(mode="after")
    def _quotes_the_paper(self):
        if self.origin in ("paper", "reading") and not (self.place and self.quote):
            raise ValueError(f"origin is {self.origin}: write place and quote, the paper's own words")
        if len(self.quote.split()) > MOST_WORDS:
            raise ValueError(f"quote has {len(self.quote.split())} words: write at most {MOST_WORDS} of them")
        return self

    @model_validator(mode="after")
    def _control_can_be_measured(self):
        self.control_statistic  # noqa: B018
        return self

    @property
    def control_statistic(self) -> Statistic | None:
        """The statistic that is measured on the control; None where there is none."""
        if isinstance(self.control, str):
            return None
        written = self.control.statistic
        own = self.statistic.model_dump(mode="json")
        merged = own | written if written.get("name", own["name"]) == own["name"] else written
        if self.control.run and not issubclass(STATISTICS.get(merged["name"], Statistic), RunStatistic):
            raise ValueError(f"control.run is of statistics of runs, unlike {merged['name']}: write it into statistic")
        if merged == own and (self.control.run, self.control.experiment) == (None, None):
            raise ValueError("control measures what the claim does: write another run, experiment or argument for it")
        try:
            return STATISTICS[merged["name"]].model_validate(merged)
        except (ValidationError, KeyError) as error:
            problem = error.errors()[0] if isinstance(error, ValidationError) else None
            raise ValueError(f"control: {_explained(merged, problem)}") from None


def _explained(written: Any, problem: Any) -> str:
    """What is wrong with a statistic, in one sentence that says what it takes."""
    name = written.get("name") if isinstance(written, dict) else None
    if name is None:
        return f"{written!r} does not name a statistic: write {{name: ..., and its arguments}}"
    if str(name) not in STATISTICS:
        close = get_close_matches(str(name), STATISTICS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"write one of {', '.join(STATISTICS)}"
        return f"there is no statistic '{name}': {hint}"
    fields = STATISTICS[name].model_fields
    wrong = {"unknown_key": "is not one of its arguments", "missing": "is missing"}.get(
        problem["type"], f"is {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
    )
    argument = (
        problem["ctx"]["key"] if problem["type"] == "unknown_key" else next(map(str, set(problem["loc"]) & set(fields)))
    )
    takes = ", ".join(key for key in fields if key != "name") or "none"
    return f"'{argument}' of statistic '{name}' {wrong}; it takes {takes}"
