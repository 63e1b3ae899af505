"""The whole merged configuration, whose names refer to each other.

The workflow validates it when it is parsed, before any job. The JSON schema
(``workflow/schemas/settings.schema.json``) and ``docs/configuration.md`` are generated from it.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from pydantic import Field, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

from dropscape.claims.settings import ClaimSettings
from dropscape.config.study import SECTIONS, StudySettings
from dropscape.config.user import UserSettings
from dropscape.data.kind import DatasetKind
from dropscape.models.settings import NetworkSettings
from dropscape.schema import Name, Strict


class Settings(Strict):
    """The whole merged configuration: what the user wrote and the studies at the chosen scale."""

    user: UserSettings = Field(description="What the user wrote.")
    studies: dict[Name, StudySettings] = Field(description="The studies by name, merged.")
    written: SkipJsonSchema[dict[str, Any]] = Field(
        {}, exclude=True, repr=False, description="The studies as their files have them, before scale and overrides."
    )

    @cached_property
    def papers_studies(self) -> dict[str, StudySettings]:
        """The studies at the papers' own settings, by name; without those that only scale or overrides make whole.

        They are validated when they are asked for, as most jobs compare nothing with a paper.
        """
        found = {}
        for name, study in self.written.items():
            with suppress(ValidationError):
                found[name] = StudySettings.model_validate(study)
        return found

    @cached_property
    def papers_experiments(self) -> dict[str, Any]:
        """Every experiment at the papers' own settings, by name."""
        return {name: one for study in self.papers_studies.values() for name, one in study.all_experiments.items()}

    @cached_property
    def experiments(self) -> dict[str, Any]:
        """Every experiment of every study by name."""
        return {name: one for study in self.studies.values() for name, one in study.all_experiments.items()}

    @property
    def made_experiments(self) -> list[str]:
        """Names of the experiments of the selected studies, and of those of others that their figures show, sorted."""
        studies = self.selected_studies.values()
        names = {name for study in studies for figure in study.figures.values() for name in figure.experiments}
        names |= {name for study in studies for name in study.all_experiments}
        return sorted(names & set(self.experiments))

    @property
    def selected_studies(self) -> dict[str, StudySettings]:
        """The studies that are reproduced."""
        wanted = self.user.studies
        return {name: study for name, study in self.studies.items() if wanted is None or name in wanted}

    @model_validator(mode="after")
    def _references(self):
        for name in self.user.studies or []:
            if name not in self.studies:
                raise ValueError(f"studies names '{name}': write one of {', '.join(self.studies)}, or null for all")
        self._check_experiments()
        owners: dict[str, str] = {}
        for study_name, study in self.studies.items():
            for name, figure in study.figures.items():
                self._check_figure(f"figure {study_name}-{name}", study, figure)
            for name, claim in study.claims.items():
                if owners.setdefault(name, study_name) != study_name:
                    raise ValueError(f"claim '{name}' stands in studies {owners[name]} and {study_name}: rename one")
                _check_claim(name, claim, study_name, study)
        return self

    def _check_experiments(self) -> None:
        """Refuse an experiment whose name is not its alone, or whose dataset is not known."""
        owners: dict[str, str] = {}
        for study_name, study in self.studies.items():
            for section in SECTIONS:
                for name, experiment in getattr(study, section).items():
                    if name in owners:
                        raise ValueError(
                            f"experiment '{name}' stands in studies {owners[name]} and {study_name}: rename one"
                            if owners[name] != study_name
                            else f"experiment '{name}' stands twice in study {study_name}: rename one"
                        )
                    owners[name] = study_name
                    if experiment.dataset is not None:
                        self.user.check_dataset(f"experiment '{name}'", experiment.dataset)
                        if kind := self.user.kind_of(experiment.dataset):
                            _check_network(name, experiment, kind)

    def _check_figure(self, where: str, study: Any, figure: Any) -> None:
        for experiment in figure.experiments:
            if experiment not in self.experiments:
                raise ValueError(
                    f"{where} draws the experiment '{experiment}', which no study has: "
                    f"write one of {', '.join(sorted(self.experiments))}"
                )
        figure.check(where, {name: self.experiments[name] for name in figure.experiments})
        if figure.theory_table and figure.theory_table not in study.theory.tables:
            raise ValueError(f"{where} needs the section theory.{figure.theory_table} in its study")


def _check_network(name: str, experiment: Any, kind: type[DatasetKind]) -> None:
    """Refuse a network that does not read or does not put out what the dataset has."""
    model = getattr(experiment, "model", None)
    if not isinstance(model, NetworkSettings):
        return
    where = f"experiment '{name}' has the network {model.name}"
    if model.translates not in (None, kind.has_pairs):
        read = "sentence pairs" if model.translates else "no sentence pairs"
        raise ValueError(f"{where}, which reads {read}, and the dataset {kind.title}: write another of the two")
    with suppress(LookupError):  # not known of a custom network
        shape = model.input_shape(experiment.data.model_dump())
        if kind.example_shape and tuple(shape) != kind.example_shape:
            raise ValueError(
                f"{where}, which reads {_numbers(shape)} numbers, but an example of {kind.title} has "
                f"{_numbers(kind.example_shape)}: write a model or a dataset that fits"
            )
    if None not in (model.outputs, kind.outputs) and model.outputs != kind.outputs:
        raise ValueError(
            f"{where} with {model.outputs} outputs, but {kind.title} has {kind.outputs} classes or values: write "
            f"{kind.outputs}"
        )


def _numbers(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _check_claim(name: str, claim: ClaimSettings, study_name: str, study: Any) -> None:
    if claim.figure is None:
        if claim.statistic.table not in study.theory.tables:
            raise ValueError(
                f"claim '{name}' is about the table '{claim.statistic.table}', which the theory of {study_name} has "
                f"not: write one of {', '.join(study.theory.tables)}"
            )
        return
    if claim.figure not in study.figures:
        raise ValueError(
            f"claim '{name}' names {study_name}, {claim.figure}: write one of the study's figures "
            f"({', '.join(study.figures)}), or no figure"
        )
    choice = study.figures[claim.figure].experiments
    if not choice:
        raise ValueError(
            f"claim '{name}' is about the runs of {study_name}-{claim.figure}, a figure of theory, which has none: "
            "write no figure and a statistic of theory"
        )
    if claim.experiment not in (choice if len(choice) > 1 else [None, *choice]):
        raise ValueError(
            f"claim '{name}' is about the experiment '{claim.experiment}' of figure {study_name}-{claim.figure}: write "
            f"experiment: one of {', '.join(choice)}"
        )
