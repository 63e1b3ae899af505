"""What every kind of figure has: its settings, the tables that it needs and what its text says of experiments and runs.

A kind is a folder ``figures/<kind>`` with three modules: ``options`` (a subclass of ``FigureSettings``), ``table``
(what is drawn) and ``drawing`` (how). Nothing lists them: the configuration finds the folders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from dropscape.measurement import StageExperiment
from dropscape.schema import Count, KeepProb, Name, Sample, Strict, one_or_many


@dataclass(frozen=True)
class Scatter:
    """What a page plots of a figure's points so that a reader can ask each what it is.

    ``x``, ``y`` and ``by`` are columns of its table, whose points have a ``run`` too; ``by`` has a panel for each of
    its values; ``names`` are the columns that tell a point, with the words for them.
    """

    x: str
    x_label: str
    y: str
    y_label: str
    by: str
    names: Mapping[str, str]
    logarithmic: bool = True


class FigureSettings(Strict):
    """One figure: what it draws and from which experiments."""

    run_tables: ClassVar[tuple[str, ...]] = ()  # that it draws; a run is drawn if it has all of them
    optional_run_tables: ClassVar[tuple[str, ...]] = ()  # that it draws of the runs that have them
    experiment_tables: ClassVar[tuple[str, ...]] = ()  # that an experiment has once
    theory_table: ClassVar[str | None] = None  # of its study's theory, for a figure without experiments
    needs: ClassVar[tuple[str, ...]] = ()  # sections that its experiments must have
    several_experiments: ClassVar[bool] = False  # whether it draws several beside each other or in one panel
    scatter: ClassVar[Scatter | None] = None  # for a figure of many points
    caption: ClassVar[str] = ""  # what the report says of it, with ``{reference}`` for its position in the paper

    kind: str
    experiment: one_or_many(str) | None = Field(
        None, description="The experiment that it draws, of any study; a list for a kind that draws several."
    )
    runs: list[Name] | None = Field(
        None, description="The runs that are drawn; null: all that have what is drawn.", min_length=1
    )
    paper_reference: str = Field(description="Its position in the paper.")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        *_, folder, module = cls.__module__.split(".")
        if module == "options":  # the kind has its folder's name; pydantic looks at the fields after this
            cls.__annotations__["kind"] = Literal[folder]

    @property
    def experiments(self) -> list[str]:
        """Every experiment that it draws."""
        return [self.experiment] if isinstance(self.experiment, str) else self.experiment or []

    @property
    def options(self) -> dict[str, Any]:
        """The settings that only this kind has."""
        return self.model_dump(mode="json", exclude=set(FigureSettings.model_fields))

    def check(self, where: str, experiments: Mapping[str, Any]) -> None:
        """Refuse a figure that its experiments, by name, have not measured: a ValueError says what to write.

        ``where`` is the figure's name, for the sentence.
        """
        if self.theory_table and experiments:
            raise ValueError(f"{where} of kind {self.kind} draws theory and no experiment: leave experiment out")
        if not self.theory_table and not experiments:
            raise ValueError(f"{where} of kind {self.kind} draws an experiment: write experiment")
        if len(experiments) > 1 and not self.several_experiments:
            raise ValueError(f"{where} of kind {self.kind} draws one experiment: write only one")
        for run in self.runs or []:
            if not any(run in experiment.runs for experiment in experiments.values()):
                raise ValueError(f"{where} draws the run '{run}', which is none of {', '.join(experiments)}")
        for name, experiment in experiments.items():
            self.check_experiment(where, name, experiment)
            if self.runs and not set(self.runs) & set(experiment.runs):
                raise ValueError(
                    f"{where} draws no run of experiment '{name}': write one of {', '.join(experiment.runs)}"
                )

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse an experiment that does not have what is drawn, with a ValueError."""
        if isinstance(experiment, StageExperiment):
            raise ValueError(
                f"{where} of kind {self.kind} draws trainings, and '{name}' is an experiment of another form: write an "
                "experiment of the section experiments"
            )
        for section in self.needs:
            if getattr(experiment, section) is None:
                raise ValueError(f"{where} needs the section {section} in experiment '{name}'")

    def run_details(self, run: Any) -> dict[str, Any]:
        """What its table says of a ``ResolvedRun``."""
        return {}

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """What its table needs to know of a ``TrainedExperiment``: ``samples`` is N of those that it draws, or None."""
        return {"samples": None}


class DropoutFigure(FigureSettings):
    """A figure whose runs differ in where and how dropout acts."""

    def run_details(self, run: Any) -> dict[str, Any]:
        """Where dropout acts and how its masks are drawn."""
        keys = ("keep_prob", "dropout_after", "mask_mode")
        return {key: run.settings[key] for key in keys} | {"learning_rate": run.learning_rate}

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """The samples of the alignment, and the experiment's dropout, from which a run's may differ."""
        alignment = experiment.settings.alignment
        return {"samples": alignment and alignment.samples, "dropout": experiment.settings.dropout.model_dump()}


class EndPointFigure(DropoutFigure):
    """A figure of the end of training, before the further steps that record a trajectory."""

    def run_details(self, run: Any) -> dict[str, Any]:
        """Also how many such steps there were, and what took the others."""
        return super().run_details(run) | {
            "trajectory_steps": run.training["trajectory_steps"],
            "optimizer": run.optimizer,
        }


class SampleFigure(DropoutFigure):
    """A figure of one sample of the noise."""

    sample: Sample = Field(description="Which sample of the noise is drawn.")

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also an experiment that does not take the sample."""
        super().check_experiment(where, name, experiment)
        if not experiment.sample_sizes.get(self.sample):
            section = {"gradients": "gradients", "trajectory": "training.trajectory_steps"}[self.sample]
            raise ValueError(f"{where} needs the section {section} in experiment '{name}'")

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """The samples that are drawn, and the experiment's dropout."""
        return super().experiment_details(experiment) | {"samples": experiment.settings.sample_sizes[self.sample]}


class ObjectiveFigure(FigureSettings):
    """A figure whose runs differ in what they descend and from where."""

    def run_details(self, run: Any) -> dict[str, Any]:
        """The objective, its weights, the start and the data."""
        keys = ("optimizer", "learning_rate", "objective", "gradient_penalty_weight", "start", "train_examples")
        details = {key: getattr(run, key) for key in keys}
        initial_scale = run.settings["model"].get("initial_scale")
        return details | {"keep_prob": run.settings["keep_prob"], "initial_scale": initial_scale}


class CondensationFigure(ObjectiveFigure):
    """A figure of how the neurons of layers are oriented."""

    needs = ("condensation",)
    several_experiments = True

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """Also the cosine above which two neurons are parallel."""
        return super().experiment_details(experiment) | {"threshold": experiment.settings.condensation.threshold}


class PanelSettings(Strict):
    """The networks of one panel."""

    width: Count = Field(description="Width m of the layer under dropout.")
    keep_prob: KeepProb = Field(description="Probability that a unit is kept.")


class StageFigure(FigureSettings):
    """A figure of an experiment of a measuring package, which trains no runs."""

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse an experiment without the tables that are drawn."""
        if not isinstance(experiment, StageExperiment):
            raise ValueError(
                f"{where} of kind {self.kind} draws no trainings, as '{name}' has: write another experiment"
            )
        tables = {table for task in experiment.tasks("cpu") for table in task.tables}
        for table in self.experiment_tables:
            if table not in tables:
                raise ValueError(
                    f"{where} of kind {self.kind} needs the table {table}, which experiment '{name}' has not: write "
                    f"its section into the experiment, or a figure of {', '.join(sorted(tables))}"
                )


class PanelFigure(StageFigure):
    """A figure of sub-networks' accuracies, a panel for each width and keep probability."""

    experiment_tables = ("accuracies",)

    panels: list[PanelSettings] | None = Field(
        None, description="The networks of each panel; null: all that the experiment trains.", min_length=1
    )

    def check_experiment(self, where: str, name: str, experiment: Any) -> None:
        """Refuse also a panel of networks that the experiment does not train."""
        super().check_experiment(where, name, experiment)
        for panel in self.panels or []:
            if panel.width not in experiment.widths or panel.keep_prob not in experiment.keep_probs:
                raise ValueError(
                    f"{where} has a panel of width {panel.width} and keep_prob {panel.keep_prob:g}, which '{name}' "
                    f"does not train: write widths of {experiment.widths} and keep_probs of {experiment.keep_probs}"
                )
