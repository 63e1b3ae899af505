"""The typed configuration: every key a user may write, with its meaning, its range and its default.

The workflow validates the merged configuration when it is parsed, before any job. The JSON schema
(``workflow/schemas/settings.schema.json``) and ``docs/configuration.md`` are generated from this module.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dropscape.config.fields import Count, KeepProb, Name, Positive, Sample, Strict
from dropscape.config.statistics import ARGUMENTS, OfTheory, checked_arguments


class DataSettings(Strict):
    """Which examples an experiment trains and tests on."""

    dataset: Literal["mnist"] = Field(description="Name of the dataset.")
    train_examples: Count = Field(description="The first so many training examples are used.")
    test_examples: Count = Field(description="The first so many test examples are used.")


class ModelSettings(Strict):
    """Architecture of the network."""

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

    data: DataSettings = Field(description="Which examples it trains and tests on.")
    model: ModelSettings = Field(description="The network.")
    loss: Literal["cross_entropy"] = Field("cross_entropy", description="Loss, the mean over the examples.")
    block: list[str] = Field(description="Parameter names that the measurements are restricted to.", min_length=1)
    dropout: DropoutSettings = Field(DropoutSettings(), description="Where dropout stands and how masks are drawn.")
    training: TrainingSettings = Field(description="How every run is trained.")
    gradients: GradientSettings | None = Field(None, description="Gradients at the end point; null leaves them out.")
    flatness: FlatnessSettings | None = Field(None, description="Interval flatness; null leaves it out.")
    alignment: AlignmentSettings | None = Field(
        None, description="Alignment of Hessian and covariance along training; null leaves it out."
    )
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

    study: Name = Field(description="The paper.")
    figure: str | None = Field(None, description="The figure that shows it; null for a claim about the theory's table.")
    statement: str = Field(description="The sentence.")
    paper: str = Field(description="The paper's own number or word.")
    measures: str = Field(description="The statistic, in words.")
    statistic: Literal[tuple(ARGUMENTS)] = Field(description="What is measured; the statistics are listed below.")
    arguments: dict[str, Any] = Field({}, description="What the statistic is given.", validate_default=True)
    expected: Expected = Field(description="What the sentence says of the statistic.")
    least_points: Count = Field(8, description="With fewer points nothing is judged.")

    @field_validator("arguments")
    @classmethod
    def _known_arguments(cls, arguments: dict[str, Any], others: ValidationInfo) -> dict[str, Any]:
        # An unknown statistic is reported by itself and is then absent here.
        statistic = others.data.get("statistic")
        return checked_arguments(statistic, arguments) if statistic else arguments

    @model_validator(mode="after")
    def _has_a_figure_or_not(self):
        of_theory = issubclass(ARGUMENTS[self.statistic], OfTheory)
        if of_theory == (self.figure is not None):
            needs = "the theory's table: leave figure out" if of_theory else "the runs of a figure: write figure"
            raise ValueError(f"statistic '{self.statistic}' is measured on {needs}")
        return self


class StudySettings(Strict):
    """One paper: its experiments, its theory and its figures."""

    experiments: dict[Name, ExperimentSettings] = Field({}, description="Its experiments by name.")
    theory: TheorySettings | None = Field(None, description="Its theory on small networks; null leaves it out.")
    figures: dict[Name, FigureSettings] = Field({}, description="Its figures by their number in the paper.")


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

    user: UserSettings = Field(description="What the user wrote.")
    studies: dict[Name, StudySettings] = Field(description="The studies by name, merged.")
    claims: dict[str, ClaimSettings] = Field({}, description="The claims by name, in the order of the table.")

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
