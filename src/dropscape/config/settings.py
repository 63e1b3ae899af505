"""The typed configuration: every key a user may write, with its meaning, its range and its default.

The workflow validates the merged configuration when it is parsed, before any job. The JSON schema
(``workflow/schemas/settings.schema.json``) and ``docs/configuration.md`` are generated from this module.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
KeepProb = Annotated[float, Field(gt=0, le=1)]
Sample = Literal["trajectory", "gradients"]


class Strict(BaseModel):
    """Unknown keys are refused; numbers may be written as strings, because YAML reads 1e-3 as one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(Strict):
    """Which examples an experiment trains and tests on."""

    dataset: Literal["mnist"] = Field(description="Name of the dataset.")
    train_examples: Count = Field(description="The first so many training examples are used.")
    test_examples: Count = Field(description="The first so many test examples are used.")


class ModelSettings(Strict):
    """The network."""

    name: Literal["fnn"] = Field("fnn", description="Architecture; `fnn` is the fully-connected network.")
    widths: list[Count] = Field(
        description="Input, hidden and output widths, for example [784, 50, 50, 10].", min_length=3
    )
    activation: Literal["relu", "tanh", "identity"] = Field("relu", description="Activation of the hidden layers.")


class DropoutSettings(Strict):
    """Where dropout stands and how its masks are drawn; a run may override either."""

    dropout_after: Count = Field(1, description="Dropout masks the activation of this hidden layer (1 is the first).")
    mask_mode: Literal["per_example", "shared"] = Field(
        "per_example",
        description="`per_example`: an independent mask for each example at each step, as torch.nn.Dropout draws them; "
        "`shared`: one mask a step for the whole batch, as the papers' theory writes it.",
    )


class TrainingSettings(Strict):
    """Full-batch gradient descent."""

    optimizer: Literal["gd"] = Field("gd", description="`gd`: the exact full-batch gradient, constant learning rate.")
    flow_time: Positive = Field(
        description="Learning rate times number of steps before the trajectory is recorded, "
        "so that every learning rate gets equally far along the gradient flow."
    )
    trajectory_steps: int = Field(
        0,
        ge=0,
        description="Further steps whose block is recorded at each step; the end of them is the end point of training.",
    )
    history_points: Count = Field(200, description="Rows of the training history, evenly spaced.")


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

    keep_prob: KeepProb = Field(
        description="Probability that a unit is kept (scaled by its inverse); 1 trains without dropout."
    )
    learning_rate: Positive = Field(description="Learning rate of gradient descent.")
    dropout_after: Count | None = Field(None, description="Overrides dropout.dropout_after.")
    mask_mode: Literal["per_example", "shared"] | None = Field(None, description="Overrides dropout.mask_mode.")


class ExperimentSettings(Strict):
    """One set-up: data, model, training and what is measured, with its runs."""

    data: DataSettings
    model: ModelSettings
    loss: Literal["cross_entropy"] = Field("cross_entropy", description="Loss, the mean over the examples.")
    block: list[str] = Field(description="Parameter names that the measurements are restricted to.", min_length=1)
    dropout: DropoutSettings = DropoutSettings()
    training: TrainingSettings
    gradients: GradientSettings | None = None
    flatness: FlatnessSettings | None = None
    alignment: AlignmentSettings | None = None
    seeds: list[int] = Field(description="Seeds of every run (initialisation and masks).", min_length=1)
    runs: dict[Name, RunSettings] = Field(
        description="The runs by name; null in a scale file leaves one out.", min_length=1
    )

    @model_validator(mode="after")
    def _consistent(self):
        hidden = len(self.model.widths) - 2
        for name, run in self.runs.items():
            after = run.dropout_after or self.dropout.dropout_after
            if after > hidden:
                raise ValueError(
                    f"run '{name}' puts dropout after hidden layer {after}, but model.widths has {hidden} of them: "
                    f"write dropout_after between 1 and {hidden}"
                )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds {self.seeds} names a seed twice: write each once")
        return self


class TheorySettings(Strict):
    """The closed forms of paper A section 8 on random small networks."""

    networks: Count = Field(description="Number of random networks.")
    keep_probs: list[KeepProb] = Field(description="Keep probabilities.", min_length=1)
    seed: int = Field(0, description="Seed of the networks and their data.")


class FigureSettings(Strict):
    """One figure: what it draws and from which experiment."""

    kind: Literal["variance_flatness", "projected_variance", "alignment_trace", "alignment_cosine"] = Field(
        description="What is drawn; one module of `dropscape.figures` each."
    )
    experiment: str = Field(description="The experiment it draws; may belong to another study.")
    sample: Sample | None = Field(None, description="Which sample of the noise is drawn.")
    place: str = Field(description="Its place in the paper.")


class Expected(Strict):
    """What a claim expects of its statistic: above a number, below one, or near one."""

    above: float | None = None
    below: float | None = None
    near: Positive | None = None
    factor: Annotated[float, Field(gt=1)] | None = Field(None, description="With near: within this factor of it.")

    @model_validator(mode="after")
    def _one_kind(self):
        given = [key for key in ("above", "below", "near") if getattr(self, key) is not None]
        if len(given) != 1 or (self.near is None) != (self.factor is None):
            raise ValueError("write one of {above: x}, {below: x} or {near: x, factor: f}")
        return self


class ClaimSettings(Strict):
    """One sentence of a paper turned into a statistic."""

    study: Name = Field(description="The paper.")
    figure: str | None = Field(None, description="The figure that shows it; null for a claim about the theory's table.")
    statement: str = Field(description="The sentence.")
    paper: str = Field(description="The paper's own number or word.")
    measures: str = Field(description="The statistic, in words.")
    statistic: str = Field(description="A function of `dropscape.claims.statistics`.")
    arguments: dict[str, Any] = Field({}, description="What the statistic is given.")
    expected: Expected = Field(description="What the sentence says of the statistic.")
    least_points: Count = Field(8, description="With fewer points nothing is judged.")


class StudySettings(Strict):
    """One paper: its experiments, its theory and its figures."""

    experiments: dict[Name, ExperimentSettings] = {}
    theory: TheorySettings | None = None
    figures: dict[Name, FigureSettings] = {}


class UserSettings(Strict):
    """`config/config.yaml`, the one file a user edits."""

    scale: Literal["smoke", "quick", "paper"] = Field("quick", description="Size of the reproduction.")
    source: Literal["official", "directory", "embedded"] = Field("embedded", description="Where data comes from.")
    directory: str | None = Field(None, description="Folder with the official files, for source `directory`.")
    download_cache: str = Field("downloads", description="Folder that source `official` downloads into.")
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


class Settings(Strict):
    """The whole merged configuration: what the user wrote and the studies at the chosen scale."""

    user: UserSettings
    studies: dict[Name, StudySettings]
    claims: dict[str, ClaimSettings] = {}

    @model_validator(mode="after")
    def _references(self):
        if self.user.source == "directory" and not self.user.directory:
            raise ValueError(
                "source is 'directory' but directory is empty: write directory: path/to/the/official/files"
            )
        for name in self.user.studies or []:
            if name not in self.studies:
                raise ValueError(f"studies names '{name}': write one of {', '.join(self.studies)}, or null for all")
        owners: dict[str, str] = {}
        for study_name, study in self.studies.items():
            for experiment in study.experiments:
                if experiment in owners:
                    raise ValueError(
                        f"experiment '{experiment}' stands in studies {owners[experiment]} and {study_name}: rename one"
                    )
                owners[experiment] = study_name
        for study_name, study in self.studies.items():
            for name, figure in study.figures.items():
                where = f"figure {study_name}-{name}"
                if figure.experiment not in owners:
                    raise ValueError(
                        f"{where} draws the experiment '{figure.experiment}', which no study has: "
                        f"write one of {', '.join(sorted(owners))}"
                    )
                self._check_figure(where, figure, self.experiment(figure.experiment))
        for name, claim in self.claims.items():
            figures = self.studies[claim.study].figures if claim.study in self.studies else {}
            if claim.study not in self.studies or (claim.figure and claim.figure not in figures):
                raise ValueError(
                    f"claim '{name}' names {claim.study}, {claim.figure}: write a study and one of its figures "
                    f"({', '.join(figures)}), or no figure"
                )
        return self

    @staticmethod
    def _check_figure(where: str, figure: FigureSettings, experiment: ExperimentSettings) -> None:
        needs_sample = figure.kind in ("variance_flatness", "projected_variance")
        if needs_sample and figure.sample is None:
            raise ValueError(f"{where} needs sample: trajectory or sample: gradients")
        missing = {
            "gradients": figure.sample == "gradients" and experiment.gradients is None,
            "training.trajectory_steps": figure.sample == "trajectory" and experiment.training.trajectory_steps == 0,
            "flatness": figure.kind == "variance_flatness" and experiment.flatness is None,
            "alignment": figure.kind.startswith("alignment") and experiment.alignment is None,
        }
        for key, absent in missing.items():
            if absent:
                raise ValueError(f"{where} needs the section {key} in experiment '{figure.experiment}'")

    @property
    def selected_studies(self) -> dict[str, StudySettings]:
        """The studies that are reproduced."""
        wanted = self.user.studies
        return {name: study for name, study in self.studies.items() if wanted is None or name in wanted}

    def experiment(self, name: str) -> ExperimentSettings:
        """The experiment of that name, whichever study it belongs to."""
        return next(study.experiments[name] for study in self.studies.values() if name in study.experiments)
