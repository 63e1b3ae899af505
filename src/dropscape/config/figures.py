"""The typed configuration of the figures, and what each kind needs of the experiments that it draws."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dropscape.config.fields import Name, Sample, Strict, one_or_many
from dropscape.config.stages import StageExperiment
from dropscape.config.subnetworks import CnnSettings, PanelSettings
from dropscape.config.theory import TABLES, TheorySettings
from dropscape.config.training import Objective

if TYPE_CHECKING:
    from dropscape.config.settings import ExperimentSettings

# Kinds that draw several experiments beside each other or in one panel.
OF_SEVERAL = (
    "slices",
    "accuracies",
    "condensation_features",
    "loss_histories",
    "similarity_map",
    "effective_ratios",
    "test_error_grid",
    "error_rates",
    "distances",
)
# Kinds that draw experiments of a stage, with the tables that they draw.
OF_STAGES = {
    "trajectories": ["trajectories"],
    "test_trajectories": ["trajectories"],
    "weak_errors": ["weak_errors"],
    "noises": ["noises"],
    "subnetwork_accuracies": ["accuracies"],
    "random_subnetworks": ["accuracies"],
    "error_rates": ["errors"],
    "distances": ["distances"],
}
_OF_PANELS = ("subnetwork_accuracies", "random_subnetworks")
_CONDENSED = ("condensation_features", "similarity_map", "effective_ratios")


class FigureSettings(Strict):
    """One figure: what it draws and from which experiments."""

    kind: Literal[
        "variance_flatness",
        "projected_variance",
        "alignment_trace",
        "alignment_cosine",
        "slices",
        "accuracies",
        "condensation_features",
        "loss_histories",
        "similarity_map",
        "effective_ratios",
        "test_error_grid",
        "objectives_over_keep_prob",
        "rate_against_penalty",
        "interpolations",
        "interpolants",
        "trajectories",
        "test_trajectories",
        "weak_errors",
        "noises",
        "subnetwork_accuracies",
        "random_subnetworks",
        "error_rates",
        "distances",
    ] = Field(description="What is drawn; one module of `dropscape.figures` each.")
    experiment: one_or_many(str) | None = Field(
        None,
        description="The experiment it draws, may belong to another study; a list for "
        + ", ".join(OF_SEVERAL)
        + ". Null for `interpolants`, which draws its study's theory table of that name.",
    )
    runs: list[Name] | None = Field(
        None, description="The runs that are drawn; null: all that have what is drawn.", min_length=1
    )
    sample: Sample | None = Field(None, description="Which sample of the noise is drawn.")
    level: float | None = Field(
        None,
        description="A number of the paper that is drawn as a line: the cosine (`alignment_cosine`), a loss whose "
        "first passing is named (`loss_histories`), a number of examples (`test_error_grid`).",
    )
    objectives: list[list[Objective]] | None = Field(
        None,
        description="For `objectives_over_keep_prob`: groups of objectives, a panel of accuracies each; null: one "
        "group of all. With one group R_S and R_1 stand beside it.",
        min_length=1,
    )
    panels: list[PanelSettings] | None = Field(
        None,
        description="For `subnetwork_accuracies` and `random_subnetworks`: the networks of each panel; null: all that "
        "the experiment trains.",
        min_length=1,
    )
    place: str = Field(description="Its place in the paper.")

    @property
    def experiments(self) -> list[str]:
        """Every experiment that it draws."""
        if self.experiment is None:
            return []
        return self.experiment if isinstance(self.experiment, list) else [self.experiment]


def check_figure(
    where: str, figure: FigureSettings, experiments: Mapping[str, "ExperimentSettings | StageExperiment"]
) -> None:
    """Refuse a figure that its experiments have not measured.

    Args:
        where: the figure's name, for the sentence.
        figure: its settings.
        experiments: those that it draws, by name.

    Raises:
        ValueError: in a sentence that says what to write.
    """
    if figure.kind in ("variance_flatness", "projected_variance") and figure.sample is None:
        raise ValueError(f"{where} needs sample: trajectory or sample: gradients")
    if len(experiments) > 1 and figure.kind not in OF_SEVERAL:
        raise ValueError(f"{where} of kind {figure.kind} draws one experiment: write only one")
    if figure.objectives and figure.kind != "objectives_over_keep_prob":
        raise ValueError(f"{where} of kind {figure.kind} has no groups of objectives: leave objectives out")
    if figure.panels and figure.kind not in _OF_PANELS:
        raise ValueError(f"{where} of kind {figure.kind} has no networks to choose from: leave panels out")
    for run in figure.runs or []:
        if not any(run in experiment.runs for experiment in experiments.values()):
            raise ValueError(f"{where} draws the run '{run}', which is none of {', '.join(experiments)}")
    for name, experiment in experiments.items():
        if isinstance(experiment, StageExperiment) or figure.kind in OF_STAGES:
            _check_tables(where, figure, name, experiment)
        else:
            _check_sections(where, figure, name, experiment)
            _check_runs(where, figure, name, experiment)


def check_theory_figure(where: str, figure: FigureSettings, theory: TheorySettings) -> None:
    """Refuse a figure that draws neither an experiment nor a table of its study's theory, or both.

    Raises:
        ValueError: in a sentence that says what to write.
    """
    if figure.kind not in TABLES:
        if not figure.experiments:
            raise ValueError(f"{where} of kind {figure.kind} draws an experiment: write experiment")
    elif figure.experiments:
        raise ValueError(f"{where} of kind {figure.kind} draws theory and no experiment: leave experiment out")
    elif figure.kind not in theory.tables:
        raise ValueError(f"{where} needs the section theory.{figure.kind} in its study")


def _check_tables(
    where: str, figure: FigureSettings, name: str, experiment: "ExperimentSettings | StageExperiment"
) -> None:
    if not isinstance(experiment, StageExperiment):
        raise ValueError(f"{where} of kind {figure.kind} draws no trainings, as '{name}' has: write another experiment")
    if figure.kind not in OF_STAGES:
        kinds = [kind for kind, tables in OF_STAGES.items() if set(tables) <= set(experiment.tables)]
        raise ValueError(
            f"{where} of kind {figure.kind} draws trainings, and '{name}' is an experiment of the stage "
            f"{experiment.stage}: write one of {', '.join(kinds)}"
        )
    for table in OF_STAGES[figure.kind]:
        if table not in experiment.tables:
            raise ValueError(f"{where} needs the section {table} in experiment '{name}'")
    if figure.runs and not set(figure.runs) & set(experiment.runs):
        raise ValueError(f"{where} draws no run of experiment '{name}': write one of {', '.join(experiment.runs)}")
    if figure.kind in _OF_PANELS:
        _check_panels(where, figure, name, experiment)


def _check_panels(where: str, figure: FigureSettings, name: str, experiment: CnnSettings) -> None:
    for panel in figure.panels or []:
        if panel.width not in experiment.widths or panel.keep_prob not in experiment.keep_probs:
            raise ValueError(
                f"{where} has a panel of width {panel.width} and keep_prob {panel.keep_prob:g}, which '{name}' does "
                f"not train: write widths of {experiment.widths} and keep_probs of {experiment.keep_probs}"
            )
    if figure.kind == "random_subnetworks" and not experiment.random_masks:
        raise ValueError(f"{where} draws random sub-networks: write random_masks in experiment '{name}'")


def _check_sections(where: str, figure: FigureSettings, name: str, experiment: "ExperimentSettings") -> None:
    condensation = experiment.condensation
    missing = {
        "gradients": figure.sample == "gradients" and experiment.gradients is None,
        "training.trajectory_steps": figure.sample == "trajectory" and experiment.training.trajectory_steps == 0,
        "flatness": figure.kind == "variance_flatness" and experiment.flatness is None,
        "alignment": figure.kind.startswith("alignment") and experiment.alignment is None,
        "slices": figure.kind == "slices" and experiment.slices is None,
        "condensation": figure.kind in _CONDENSED and condensation is None,
        "ratio": figure.kind == "rate_against_penalty" and experiment.ratio is None,
        "interpolations": figure.kind == "interpolations" and experiment.interpolations is None,
    }
    for key, absent in missing.items():
        if absent:
            raise ValueError(f"{where} needs the section {key} in experiment '{name}'")
    if figure.kind == "condensation_features" and condensation.interval is None:
        raise ValueError(f"{where} draws functions: write condensation.interval in experiment '{name}'")


def _check_runs(where: str, figure: FigureSettings, name: str, experiment: "ExperimentSettings") -> None:
    if figure.runs is None:
        return
    drawn = [run for run in figure.runs if run in experiment.runs]
    if not drawn:
        raise ValueError(f"{where} draws no run of experiment '{name}': write one of {', '.join(experiment.runs)}")
    if figure.kind == "interpolations":
        raise ValueError(f"{where} draws the pairs of interpolations.pairs: leave runs out")
    for run in drawn:
        start = experiment.runs[run].start
        if figure.kind == "loss_histories" and start is not None and start not in drawn:
            raise ValueError(f"{where} draws the run '{run}' behind the one it starts from: write '{start}' into runs")
