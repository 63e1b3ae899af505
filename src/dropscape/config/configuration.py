"""The whole merged configuration, whose names refer to each other.

The workflow validates it when it is parsed, before any job. The JSON schema
(``workflow/schemas/settings.schema.json``) and ``docs/configuration.md`` are generated from it.
"""

from functools import cached_property
from typing import Any

from pydantic import Field, model_validator

from dropscape.claims.settings import ClaimSettings
from dropscape.config.study import SECTIONS, StudySettings
from dropscape.config.user import UserSettings
from dropscape.schema import Name, Strict


class Settings(Strict):
    """The whole merged configuration: what the user wrote and the studies at the chosen scale."""

    user: UserSettings = Field(description="What the user wrote.")
    studies: dict[Name, StudySettings] = Field(description="The studies by name, merged.")

    @cached_property
    def experiments(self) -> dict[str, Any]:
        """Every experiment of every study by name."""
        return {name: one for study in self.studies.values() for name, one in study.all_experiments.items()}

    @property
    def selected_studies(self) -> dict[str, StudySettings]:
        """The studies that are reproduced."""
        wanted = self.user.studies
        return {name: study for name, study in self.studies.items() if wanted is None or name in wanted}

    @model_validator(mode="after")
    def _references(self):
        if self.user.reads_directory and not self.user.directory:
            raise ValueError(
                "source is 'directory' but directory is empty: write directory: path/to/the/official/files"
            )
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
                        self.user.check_dataset(name, experiment.dataset)

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
