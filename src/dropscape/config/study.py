"""The typed configuration of a study: its paper, experiments, theory, figures and claims."""

from typing import Annotated, Any, Union

from pydantic import Field, create_model

from dropscape.claims.settings import ClaimSettings
from dropscape.config.experiment import ExperimentSettings
from dropscape.discovery import subclasses, submodules
from dropscape.figures.settings import FigureSettings
from dropscape.measurement import StageExperiment
from dropscape.schema import Name, Strict
from dropscape.theory.settings import TheorySettings

FIGURES = subclasses(submodules("dropscape.figures", "options"), FigureSettings)
AnyFigureSettings = Annotated[Union[tuple(FIGURES)], Field(discriminator="kind")]  # noqa: UP007


def _stage_forms() -> dict[str, list[type[StageExperiment]]]:
    """By section the forms of the experiments of a package whose experiments are its own."""
    found = {
        package: subclasses({package: module}, StageExperiment)
        for package, module in submodules("dropscape", "settings").items()
    }
    return {package: forms for package, forms in found.items() if forms}


STAGE_FORMS = _stage_forms()
SECTIONS = ("experiments", *STAGE_FORMS)  # that hold experiments


def _experiment_type(forms: list[type[StageExperiment]]) -> Any:
    """One form, or several that are told apart by the key ``algorithm``."""
    return forms[0] if len(forms) == 1 else Annotated[Union[tuple(forms)], Field(discriminator="algorithm")]  # noqa: UP007


class PaperSettings(Strict):
    """The paper that a study is about, as the report names it."""

    letter: str = Field(description="A letter or a short name.")
    title: str = Field(description="Its title.")


class _StudySettings(Strict):
    paper: PaperSettings = Field(description="The paper.")
    experiments: dict[Name, ExperimentSettings] = Field({}, description="Its experiments by name.")
    theory: TheorySettings = Field(TheorySettings(), description="Its theory on small networks.")
    figures: dict[Name, AnyFigureSettings] = Field({}, description="Its figures by their number in the paper.")
    claims: dict[str, ClaimSettings] = Field(
        {}, description="Its claims by name, in the order of the table; they may stand in `config/claims/<study>.yaml`."
    )

    @property
    def stage_experiments(self) -> dict[str, StageExperiment]:
        """Its experiments whose jobs are their own, by name."""
        return {name: one for section in STAGE_FORMS for name, one in getattr(self, section).items()}

    @property
    def all_experiments(self) -> dict[str, Any]:
        """Its experiments of every form by name."""
        return {**self.experiments, **self.stage_experiments}


StudySettings: Any = create_model(
    "StudySettings",
    __base__=_StudySettings,
    __doc__="One paper: its experiments, its theory, its figures and its claims.",
    **{
        section: (dict[Name, _experiment_type(forms)], Field({}, description=f"Its experiments on {section} by name."))
        for section, forms in STAGE_FORMS.items()
    },
)
