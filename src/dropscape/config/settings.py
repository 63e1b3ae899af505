"""The typed configuration: every key a user may write, with its meaning, its range and its default.

The workflow validates the merged configuration when it is parsed, before any job. The JSON schema
(``workflow/schemas/settings.schema.json``) and ``docs/configuration.md`` are generated from this module.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dropscape.config.claims import ClaimSettings
from dropscape.config.condensation import CondensationSettings
from dropscape.config.equations import EquationsSettings
from dropscape.config.fields import (
    Count,
    Function,
    KeepProb,
    Name,
    Positive,
    Strict,
    one_or_by_name,
)
from dropscape.config.figures import FigureSettings, check_figure, check_theory_figure
from dropscape.config.grid import with_grid_as_runs
from dropscape.config.models import ModelSettings
from dropscape.config.stages import StageExperiment
from dropscape.config.subnetworks import SubnetworksSettings
from dropscape.config.theory import TheorySettings
from dropscape.config.training import DropoutSettings, Loss, RunSettings, TrainingSettings, check_run

# Generated points have no other source than themselves.
GENERATED = ("curve", "narrow_curve", "two_neurons", "one_neuron")
DATASETS = ("mnist", "cifar10", "cifar100", "multi30k", *GENERATED)
Source = Literal["official", "directory", "embedded"]
# Stages whose experiments have a section of their own in a study, by the stage's name.
STAGES = ("equations", "subnetworks")


class DataSettings(Strict):
    """Which examples an experiment trains and tests on."""

    dataset: Name = Field(
        description="Name of the dataset: mnist, cifar10, cifar100, multi30k; generated points: curve, narrow_curve, "
        "two_neurons, one_neuron; or one of your own (`datasets`)."
    )
    train_examples: Count = Field(description="The first so many training examples are used.")
    test_examples: Count = Field(description="The first so many test examples are used.")
    normalisation: Literal["unit", "channel"] | None = Field(
        None,
        description="`unit`: grey levels from 0 to 1; `channel`: each colour's published mean and deviation taken out "
        "besides; null takes the dataset's own.",
    )
    max_tokens: Count | None = Field(None, description="Longer sentences are cut; null takes the dataset's own.")
    min_frequency: Count | None = Field(
        None, description="Words that are rarer in the training examples are unknown; null takes the dataset's own."
    )


class GradientSettings(Strict):
    """Gradients of the block at the end point of training, under fresh masks."""

    samples: Count = Field(description="N, the number of sampled gradients.")


class FlatnessSettings(Strict):
    """Interval flatness along the principal directions of a sample."""

    directions: Count = Field(description="How many log-spaced principal directions are measured.")
    factors: list[Annotated[float, Field(gt=1)]] = Field(
        [2.0], description="Pre-factors of the loss; the first is drawn."
    )
    max_width: Positive = Field(1e6, description="The search on either side gives up at this distance.")


class SliceSettings(Strict):
    """Loss along random filter-normalised directions through the end point of training (paper A, section 5)."""

    directions: Count = Field(description="How many random directions.")
    points: Annotated[int, Field(ge=5)] = Field(41, description="Losses on each, evenly spaced; an odd number.")
    extent: Positive = Field(1.0, description="The largest modulus of alpha; 1 moves every filter by its own norm.")
    rise: Positive = Field(0.5, description="The width of a slice ends where the loss has risen by so much (nats).")

    @model_validator(mode="after")
    def _odd(self):
        if self.points % 2 == 0:
            raise ValueError(f"points is {self.points}: write an odd number, so that the end point is one of them")
        return self


class AlignmentSettings(Strict):
    """Alignment of Hessian and gradient covariance along training."""

    recorded_steps: Count = Field(
        description="Steps of the training at which it is measured, half log-spaced, half even."
    )
    samples: Count = Field(description="N, gradients sampled at each recorded step.")
    keep_probs: list[KeepProb] | None = Field(
        None, description="Keep probabilities of the tentative dropout; null means the run's own."
    )
    baseline_samples: int = Field(0, ge=0, description="Pairs of random matrices for the baseline at the end point.")


class InterpolationSettings(Strict):
    """Loss without dropout between the end points of pairs of runs (paper B, section VII.C)."""

    pairs: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] = Field(
        description="Pairs of runs; the first one's end point stands at 0 and the second one's at 1.", min_length=1
    )
    points: Annotated[int, Field(ge=9)] = Field(31, description="Losses between them, evenly spaced, with both ends.")


class RatioSettings(Strict):
    """Dropout loss against its squared gradient at the end point of training (paper B, section V.B)."""

    samples: Count = Field(description="N, masks whose mean stands for the expectations; 3,000 in the paper.")


class ExperimentSettings(Strict):
    """One set-up: data, model, training and what is measured, with its runs."""

    data: DataSettings = Field(description="Which examples it trains and tests on.")
    model: ModelSettings = Field(description="The network.")
    loss: Loss = Field(
        "cross_entropy",
        description="Loss, the mean over the examples. `mse` is half the squared error, summed over the outputs, with "
        "classes encoded one-hot.",
    )
    block: list[str] = Field(description="Parameter names that the measurements are restricted to.", min_length=1)
    dropout: DropoutSettings = Field(DropoutSettings(), description="Where dropout stands and how masks are drawn.")
    training: TrainingSettings = Field(description="How every run is trained.")
    gradients: GradientSettings | None = Field(None, description="Gradients at the end point; null leaves them out.")
    flatness: FlatnessSettings | None = Field(None, description="Interval flatness; null leaves it out.")
    slices: SliceSettings | None = Field(None, description="Slices of the loss; null leaves them out.")
    alignment: AlignmentSettings | None = Field(
        None, description="Alignment of Hessian and covariance along training; null leaves it out."
    )
    condensation: CondensationSettings | None = Field(
        None, description="Orientations of the neurons along training; null leaves them out."
    )
    interpolations: InterpolationSettings | None = Field(
        None, description="Losses between end points of runs; null leaves them out."
    )
    ratio: RatioSettings | None = Field(
        None, description="Dropout loss against its squared gradient; null leaves it out."
    )
    seeds: list[int] = Field(description="Seeds of every run (initialisation and masks).", min_length=1)
    runs: dict[Name, RunSettings] = Field(
        description="The runs by name; null in a scale file leaves one out. Many runs at once are written in `grid`: "
        "`keep{keep_prob}: {keep_prob: [0.5, 0.9], learning_rate: 0.1}` is a run for each combination of its lists.",
        min_length=1,
    )

    @property
    def dataset(self) -> str:
        """Name of the dataset that it reads."""
        return self.data.dataset

    @model_validator(mode="before")
    @classmethod
    def _runs_of_grid(cls, written: Any):
        return with_grid_as_runs(written) if isinstance(written, dict) else written

    @model_validator(mode="after")
    def _consistent(self):
        if self.loss == "mse" and (self.training.label_smoothing or self.model.name == "transformer"):
            what = f"label_smoothing {self.training.label_smoothing}" if self.training.label_smoothing else "sentences"
            raise ValueError(f"loss is 'mse', which knows no {what}: write loss: cross_entropy")
        for name in self.runs:
            check_run(name, self)
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds {self.seeds} names a seed twice: write each once")
        if self.condensation:
            self.condensation.check_model(self.model)
            if self.alignment and self.alignment.recorded_steps != self.condensation.recorded_steps:
                raise ValueError(
                    "alignment.recorded_steps and condensation.recorded_steps differ: a training records one set of "
                    "steps, write the same number"
                )
        self._check_pairs()
        return self

    def _check_pairs(self) -> None:
        if self.interpolations is None:
            return
        if self.model.name not in ("fnn", "own"):
            raise ValueError(
                f"interpolations need a network without statistics of its own, not {self.model.name} with its batch or "
                "layer norms: leave the section out"
            )
        for pair in self.interpolations.pairs:
            for name in pair:
                if name not in self.runs:
                    raise ValueError(
                        f"interpolations.pairs names '{name}', which is no run of the experiment: write one of "
                        f"{', '.join(self.runs)}"
                    )
            if len({self.runs[name].train_examples for name in pair}) > 1:
                raise ValueError(
                    f"interpolations.pairs joins {' and '.join(pair)}, which train on different numbers of examples: "
                    "write runs of the same data"
                )


class StudySettings(Strict):
    """One paper: its experiments, its theory and its figures."""

    experiments: dict[Name, ExperimentSettings] = Field({}, description="Its experiments by name.")
    equations: dict[Name, EquationsSettings] = Field(
        {}, description="Its experiments on the modified equations by name."
    )
    subnetworks: dict[Name, SubnetworksSettings] = Field(
        {}, description="Its experiments on sub-networks and convergence by name."
    )
    theory: TheorySettings = Field(TheorySettings(), description="Its theory on small networks.")
    figures: dict[Name, FigureSettings] = Field({}, description="Its figures by their number in the paper.")

    @property
    def of_stages(self) -> dict[str, StageExperiment]:
        """Its experiments that are jobs of a stage of their own, by name."""
        return {name: one for section in STAGES for name, one in getattr(self, section).items()}

    @property
    def all_experiments(self) -> dict[str, ExperimentSettings | StageExperiment]:
        """Its experiments of either form by name."""
        return {**self.experiments, **self.of_stages}


class UserSettings(Strict):
    """`config/config.yaml`, the one file a user edits."""

    scale: Literal["smoke", "quick", "paper"] = Field("quick", description="Size of the reproduction.")
    source: one_or_by_name(Source) = Field(
        "embedded",
        description="Where data comes from; or where each dataset does, `embedded` for those not named, for example "
        "{mnist: directory, cifar10: directory}.",
    )
    directory: str | None = Field(
        None,
        description="For source `directory`: the folder with the official files, or one that holds a folder for each "
        "dataset, by its name.",
    )
    download_cache: str = Field("downloads", description="Folder that source `official` downloads into.")
    datasets: dict[Name, Function] = Field(
        {}, description="Datasets of your own by name: `package.module:function` that returns images and labels."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes a GPU where there is one.")
    threads: Count = Field(1, description="CPU threads of one job; jobs run side by side on the remaining cores.")
    checkpoint_seconds: Positive = Field(
        30.0, description="A training saves its state this often; changing it reruns nothing."
    )
    results: str = Field("results", description="Folder of everything generated.")
    seeds: list[int] | None = Field(
        None, description="Seeds of every run; null takes those of the study and the scale."
    )
    studies: list[Name] | None = Field(None, description="Studies to reproduce; null means all.")
    experiments: Annotated[list[Name], Field(min_length=1)] | None = Field(
        None,
        description="Experiments to reproduce; null means all. Figures then show these, and figures, claims and theory "
        "that are of none of them are left out.",
    )
    overrides: dict[str, Any] = Field(
        {},
        description="Any part of the studies, written last over study and scale, for example "
        "{noise_structure: {experiments: {mnist_fnn: {loss: cross_entropy}}}}.",
    )

    def source_of(self, dataset: str) -> str:
        """Where the dataset comes from."""
        if dataset in GENERATED:
            return "embedded"
        return self.source if isinstance(self.source, str) else self.source.get(dataset, "embedded")

    @property
    def reads_directory(self) -> bool:
        """Whether any dataset comes from the folder ``directory``."""
        return "directory" in ([self.source] if isinstance(self.source, str) else self.source.values())


class Settings(Strict):
    """The whole merged configuration: what the user wrote and the studies at the chosen scale."""

    user: UserSettings = Field(description="What the user wrote.")
    studies: dict[Name, StudySettings] = Field(description="The studies by name, merged.")
    claims: dict[str, ClaimSettings] = Field({}, description="The claims by name, in the order of the table.")

    @model_validator(mode="after")
    def _references(self):
        if self.user.reads_directory and not self.user.directory:
            raise ValueError(
                "source is 'directory' but directory is empty: write directory: path/to/the/official/files"
            )
        for name in self.user.studies or []:
            if name not in self.studies:
                raise ValueError(f"studies names '{name}': write one of {', '.join(self.studies)}, or null for all")
        owners = self._owners()
        for study_name, study in self.studies.items():
            for name, figure in study.figures.items():
                where = f"figure {study_name}-{name}"
                check_theory_figure(where, figure, study.theory)
                for experiment in figure.experiments:
                    if experiment not in owners:
                        raise ValueError(
                            f"{where} draws the experiment '{experiment}', which no study has: "
                            f"write one of {', '.join(sorted(owners))}"
                        )
                check_figure(
                    where, figure, {experiment: self.experiment(experiment) for experiment in figure.experiments}
                )
        for name, claim in self.claims.items():
            figures = self.studies[claim.study].figures if claim.study in self.studies else {}
            if claim.study not in self.studies or (claim.figure and claim.figure not in figures):
                raise ValueError(
                    f"claim '{name}' names {claim.study}, {claim.figure}: write a study and one of its figures "
                    f"({', '.join(figures)}), or no figure"
                )
            table = claim.arguments.get("table")
            if not claim.figure and table not in self.studies[claim.study].theory.tables:
                raise ValueError(
                    f"claim '{name}' is about the table '{table}', which the theory of {claim.study} has not: write "
                    f"one of {', '.join(self.studies[claim.study].theory.tables)}"
                )
            if claim.figure:
                choice = figures[claim.figure].experiments
                if not choice:
                    raise ValueError(
                        f"claim '{name}' is about the runs of {claim.study}-{claim.figure}, a figure of theory, which "
                        "has none: write no figure and a statistic of theory"
                    )
                if claim.experiment not in (choice if len(choice) > 1 else [None, *choice]):
                    raise ValueError(
                        f"claim '{name}' is about the experiment '{claim.experiment}' of figure "
                        f"{claim.study}-{claim.figure}: write experiment: one of {', '.join(choice)}"
                    )
        return self

    def _owners(self) -> dict[str, str]:
        """The study of each experiment, whose name is its alone and whose dataset is known."""
        known = (*DATASETS, *self.user.datasets)
        owners: dict[str, str] = {}
        for study_name, study in self.studies.items():
            for section in ("experiments", *STAGES):
                for name, experiment in getattr(study, section).items():
                    if name in owners:
                        raise ValueError(
                            f"experiment '{name}' stands in studies {owners[name]} and {study_name}: rename one"
                            if owners[name] != study_name
                            else f"experiment '{name}' stands twice in study {study_name}: rename one"
                        )
                    owners[name] = study_name
                    if experiment.dataset not in (None, *known):
                        raise ValueError(
                            f"experiment '{name}' uses the dataset '{experiment.dataset}': write one of "
                            f"{', '.join(known)}, or add it to datasets in config/config.yaml"
                        )
        return owners

    @property
    def selected_studies(self) -> dict[str, StudySettings]:
        """The studies that are reproduced."""
        wanted = self.user.studies
        return {name: study for name, study in self.studies.items() if wanted is None or name in wanted}

    def experiment(self, name: str) -> ExperimentSettings | StageExperiment:
        """The experiment of that name, whichever study it belongs to."""
        found = (study.all_experiments for study in self.studies.values())
        return next(experiments[name] for experiments in found if name in experiments)
