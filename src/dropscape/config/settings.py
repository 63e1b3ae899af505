"""The typed configuration: every key a user may write, with its meaning, its range and its default.

The workflow validates the merged configuration when it is parsed, before any job. The JSON schema
(``workflow/schemas/settings.schema.json``) and ``docs/configuration.md`` are generated from this module.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dropscape.config.claims import ClaimSettings
from dropscape.config.fields import (
    Count,
    Function,
    KeepProb,
    Name,
    Positive,
    Sample,
    Strict,
    one_or_by_name,
    one_or_many,
)
from dropscape.config.models import ModelSettings
from dropscape.config.theory import TABLES, TheorySettings

DATASETS = ("mnist", "cifar10", "cifar100", "multi30k")
Source = Literal["official", "directory", "embedded"]


class DataSettings(Strict):
    """Which examples an experiment trains and tests on."""

    dataset: Name = Field(
        description="Name of the dataset: mnist, cifar10, cifar100, multi30k, or one of your own (`datasets`)."
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


class DropoutSettings(Strict):
    """Where dropout stands and how its masks are drawn; a run may override either."""

    dropout_after: one_or_many(Count) = Field(
        1,
        description="Dropout masks the activation of this hidden layer of a fully-connected network (1 is the first), "
        "or of each of these. Every other network has its own places.",
    )
    mask_mode: Literal["per_example", "shared"] = Field(
        "per_example",
        description="`per_example`: an independent mask for each example at each step, as torch.nn.Dropout draws them; "
        "`shared`: one mask a step for the whole batch, as the papers' theory writes it.",
    )


class TrainingSettings(Strict):
    """Training by the exact gradient of all examples."""

    optimizer: Literal["gd", "nesterov", "adam"] = Field(
        "gd", description="What is done with the exact full-batch gradient."
    )
    flow_time: Positive | None = Field(
        None,
        description="Learning rate times number of steps before the trajectory is recorded, "
        "so that every learning rate gets equally far along the gradient flow.",
    )
    steps: Count | None = Field(None, description="Steps before the trajectory is recorded, instead of flow_time.")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="Of `nesterov`.")
    milestones: list[Count] = Field([], description="Steps at which the learning rate is multiplied by `decay`.")
    decay: Positive = Field(0.1, description="What a milestone multiplies the learning rate by.")
    warmup_steps: Count | None = Field(
        None,
        description="The schedule of Vaswani et al. (2017), learning_rate x d_model^-0.5 min(step^-0.5, "
        "step warmup_steps^-1.5); null keeps the learning rate but for the milestones.",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="Share of the target probability that is spread evenly over the classes; measured so too.",
    )
    micro_batch: Count = Field(
        256, description="Examples differentiated at a time; changes memory and speed, the result by rounding only."
    )
    norm_group: Count | None = Field(
        None,
        description="Batch normalisation reads the statistics of groups of so many consecutive examples; a "
        "micro-batch holds whole groups. Null: of all examples, which are then differentiated at once.",
    )
    trajectory_steps: int = Field(
        0,
        ge=0,
        description="Further steps whose block is recorded at each step; the end of them is the end point of training.",
    )
    history_points: Count = Field(200, description="Rows of the training history, evenly spaced.")

    @model_validator(mode="after")
    def _length(self):
        if (self.flow_time is None) == (self.steps is None):
            raise ValueError("write one of flow_time and steps")
        return self


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


class RunSettings(Strict):
    """One training: a point of the experiment's grid. Its seeds are trained together."""

    keep_prob: one_or_many(KeepProb) = Field(
        description="Probability that a unit is kept (scaled by its inverse); 1 trains without dropout. A list gives "
        "each layer of dropout.dropout_after its own."
    )
    learning_rate: Positive = Field(description="Learning rate; with warmup_steps its factor.")
    dropout_after: Count | None = Field(None, description="Overrides dropout.dropout_after.")
    mask_mode: Literal["per_example", "shared"] | None = Field(None, description="Overrides dropout.mask_mode.")


class ExperimentSettings(Strict):
    """One set-up: data, model, training and what is measured, with its runs."""

    data: DataSettings = Field(description="Which examples it trains and tests on.")
    model: ModelSettings = Field(description="The network.")
    loss: Literal["cross_entropy"] = Field("cross_entropy", description="Loss, the mean over the examples.")
    block: list[str] = Field(description="Parameter names that the measurements are restricted to.", min_length=1)
    dropout: DropoutSettings = Field(DropoutSettings(), description="Where dropout stands and how masks are drawn.")
    training: TrainingSettings = Field(description="How every run is trained.")
    gradients: GradientSettings | None = Field(None, description="Gradients at the end point; null leaves them out.")
    flatness: FlatnessSettings | None = Field(None, description="Interval flatness; null leaves it out.")
    slices: SliceSettings | None = Field(None, description="Slices of the loss; null leaves them out.")
    alignment: AlignmentSettings | None = Field(
        None, description="Alignment of Hessian and covariance along training; null leaves it out."
    )
    seeds: list[int] = Field(description="Seeds of every run (initialisation and masks).", min_length=1)
    runs: dict[Name, RunSettings] = Field(
        description="The runs by name; null in a scale file leaves one out.", min_length=1
    )

    @model_validator(mode="after")
    def _consistent(self):
        for name, run in self.runs.items():
            self._check_dropout(name, run)
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds {self.seeds} names a seed twice: write each once")
        return self

    def _check_dropout(self, name: str, run: RunSettings) -> None:
        after = run.dropout_after or self.dropout.dropout_after
        layers = after if isinstance(after, list) else [after]
        if isinstance(run.keep_prob, list) and len(run.keep_prob) != len(layers):
            raise ValueError(
                f"run '{name}' gives {len(run.keep_prob)} keep probabilities for {len(layers)} layers of dropout: "
                "write one for each, or a single one for all"
            )
        if self.model.name != "fnn":
            return
        hidden = len(self.model.widths) - 2
        if max(layers) > hidden:
            raise ValueError(
                f"run '{name}' puts dropout after hidden layer {max(layers)}, but model.widths has {hidden} of them: "
                f"write dropout_after between 1 and {hidden}"
            )


class FigureSettings(Strict):
    """One figure: what it draws and from which experiments."""

    kind: Literal[
        "variance_flatness",
        "projected_variance",
        "alignment_trace",
        "alignment_cosine",
        "slices",
        "accuracies",
        "interpolants",
    ] = Field(description="What is drawn; one module of `dropscape.figures` each.")
    experiment: one_or_many(str) | None = Field(
        None,
        description="The experiment it draws, may belong to another study; a list for `slices` and `accuracies`. Null "
        "for `interpolants`, which draws its study's theory table of that name.",
    )
    sample: Sample | None = Field(None, description="Which sample of the noise is drawn.")
    level: float | None = Field(None, description="The paper's own level, which `alignment_cosine` draws as a line.")
    place: str = Field(description="Its place in the paper.")

    @property
    def experiments(self) -> list[str]:
        """Every experiment that it draws."""
        if self.experiment is None:
            return []
        return self.experiment if isinstance(self.experiment, list) else [self.experiment]


class StudySettings(Strict):
    """One paper: its experiments, its theory and its figures."""

    experiments: dict[Name, ExperimentSettings] = Field({}, description="Its experiments by name.")
    theory: TheorySettings = Field(TheorySettings(), description="Its theory on small networks.")
    figures: dict[Name, FigureSettings] = Field({}, description="Its figures by their number in the paper.")


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
    overrides: dict[str, Any] = Field(
        {},
        description="Any part of the studies, written last over study and scale, for example "
        "{noise_structure: {experiments: {mnist_fnn: {loss: cross_entropy}}}}.",
    )

    def source_of(self, dataset: str) -> str:
        """Where the dataset comes from."""
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
        known = (*DATASETS, *self.user.datasets)
        owners: dict[str, str] = {}
        for study_name, study in self.studies.items():
            for experiment in study.experiments:
                if experiment in owners:
                    raise ValueError(
                        f"experiment '{experiment}' stands in studies {owners[experiment]} and {study_name}: rename one"
                    )
                owners[experiment] = study_name
                dataset = study.experiments[experiment].data.dataset
                if dataset not in known:
                    raise ValueError(
                        f"experiment '{experiment}' uses the dataset '{dataset}': write one of {', '.join(known)}, or "
                        "add it to datasets in config/config.yaml"
                    )
        for study_name, study in self.studies.items():
            for name, figure in study.figures.items():
                where = f"figure {study_name}-{name}"
                self._check_theory_figure(where, figure, study)
                for experiment in figure.experiments:
                    if experiment not in owners:
                        raise ValueError(
                            f"{where} draws the experiment '{experiment}', which no study has: "
                            f"write one of {', '.join(sorted(owners))}"
                        )
                    self._check_figure(where, figure, experiment, self.experiment(experiment))
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

    @staticmethod
    def _check_theory_figure(where: str, figure: FigureSettings, study: StudySettings) -> None:
        if figure.kind not in TABLES:
            if not figure.experiments:
                raise ValueError(f"{where} of kind {figure.kind} draws an experiment: write experiment")
        elif figure.experiments:
            raise ValueError(f"{where} of kind {figure.kind} draws theory and no experiment: leave experiment out")
        elif figure.kind not in study.theory.tables:
            raise ValueError(f"{where} needs the section theory.{figure.kind} in its study")

    @staticmethod
    def _check_figure(where: str, figure: FigureSettings, name: str, experiment: ExperimentSettings) -> None:
        needs_sample = figure.kind in ("variance_flatness", "projected_variance")
        if needs_sample and figure.sample is None:
            raise ValueError(f"{where} needs sample: trajectory or sample: gradients")
        if len(figure.experiments) > 1 and figure.kind not in ("slices", "accuracies"):
            raise ValueError(f"{where} of kind {figure.kind} draws one experiment: write only one")
        missing = {
            "gradients": figure.sample == "gradients" and experiment.gradients is None,
            "training.trajectory_steps": figure.sample == "trajectory" and experiment.training.trajectory_steps == 0,
            "flatness": figure.kind == "variance_flatness" and experiment.flatness is None,
            "alignment": figure.kind.startswith("alignment") and experiment.alignment is None,
            "slices": figure.kind == "slices" and experiment.slices is None,
        }
        for key, absent in missing.items():
            if absent:
                raise ValueError(f"{where} needs the section {key} in experiment '{name}'")

    @property
    def selected_studies(self) -> dict[str, StudySettings]:
        """The studies that are reproduced."""
        wanted = self.user.studies
        return {name: study for name, study in self.studies.items() if wanted is None or name in wanted}

    def experiment(self, name: str) -> ExperimentSettings:
        """The experiment of that name, whichever study it belongs to."""
        return next(study.experiments[name] for study in self.studies.values() if name in study.experiments)
