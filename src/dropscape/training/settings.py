"""The settings of a training: those that all runs of an experiment share, those of each run, and checks of both."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from dropscape.schema import SPEED_ONLY, Count, KeepProb, Name, Positive, Strict, one_or_many
from dropscape.training.backends import training_backend

if TYPE_CHECKING:
    from dropscape.config.experiment import ExperimentSettings
    from dropscape.models.settings import NetworkSettings

Optimizer = Literal["gd", "nesterov", "adam"]
Objective = Literal[
    "dropout", "risk", "risk_plus_r1", "risk_plus_r2", "dropout_minus_r2", "dropout_minus_r1", "dropout_plus_r2"
]
Loss = Literal["cross_entropy", "mse"]
FEWEST_TRAJECTORY_STEPS = 8
Noise = Literal["dropout", "isotropic", "rotated", "hessian"]


class DropoutSettings(Strict):
    """Which layers have dropout and how its masks are drawn; a run may override either."""

    dropout_after: one_or_many(Count) = Field(
        1,
        description="Dropout masks the activation of this hidden layer of a fully-connected network (1 is the first), "
        "or of each of these. Every other network has fixed dropout layers.",
    )
    mask_mode: Literal["per_example", "shared"] = Field(
        "per_example",
        description="`per_example`: an independent mask for each example at each step, as torch.nn.Dropout draws them; "
        "`shared`: one mask a step for the whole batch, as in the papers' theory. R_2 of paper B depends on it.",
    )


class TrainingSettings(Strict):
    """Training by the exact gradient of all examples, or of a batch of them at each step."""

    optimizer: Optimizer = Field(
        "gd", description="Gradient descent (`gd`), the same with Nesterov's momentum (`nesterov`), or Adam (`adam`)."
    )
    batch_size: Count | None = Field(
        None,
        description="Examples of a step, drawn without replacement by a permutation that is new in every epoch; null: "
        "all of them, the full batch.",
    )
    flow_time: Positive | None = Field(
        None,
        description="Learning rate times number of steps before the trajectory is recorded, so that every learning "
        "rate gets equally far along the gradient flow.",
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
        0.0, description="Share of the target probability that is spread evenly over the classes; measured so too."
    )
    micro_batch: Annotated[Count, SPEED_ONLY] = Field(
        256,
        description="Examples differentiated at a time on a processor; a GPU takes as many times that as it can hold. "
        "Changes memory and speed, the result by rounding only.",
    )
    ghost_batch_size: Count | None = Field(
        None,
        description="Batch normalisation reads the statistics of groups of so many consecutive examples; a "
        "micro-batch holds whole groups. Null: of all examples of a step, which are then differentiated at once.",
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="How the passes that are differentiated multiply: tf32 on a GPU (a processor then takes float32), "
        "bfloat16 on both, about twice as fast where the processor knows it; sums, parameters and all that is measured "
        "stay float32, but gradients under fresh masks are sampled in tf32 too. bfloat16 not with R_1 or R_2.",
    )
    trajectory_steps: int = Field(
        0,
        ge=0,
        description="Further steps of runs with dropout, whose block is recorded at each step. Slices and accuracies "
        "are those before them; Hessian, gradients and flatness are measured at their end.",
    )
    history_points: Annotated[Count, SPEED_ONLY] = Field(
        200, description="Rows of the training history, evenly spaced."
    )

    @model_validator(mode="after")
    def _length(self):
        if (self.flow_time is None) == (self.steps is None):
            raise ValueError("write one of flow_time and steps")
        if 0 < self.trajectory_steps < FEWEST_TRAJECTORY_STEPS:
            raise ValueError(
                f"trajectory_steps is {self.trajectory_steps}: write at least {FEWEST_TRAJECTORY_STEPS}, from each "
                "half of which a parabola can be taken, or 0 for no trajectory"
            )
        return self


class RunSettings(Strict):
    """One training: a point of the experiment's grid. Its seeds are trained together."""

    keep_prob: one_or_many(KeepProb) = Field(
        description="Probability that a unit is kept (scaled by its inverse); 1 trains without dropout. A list has "
        "one for each layer of dropout.dropout_after, or for each dropout layer of another network."
    )
    learning_rate: Positive = Field(description="Learning rate; with warmup_steps its factor.")
    objective: Objective = Field(
        "dropout",
        description="What the training descends (paper B, eq. 7): the loss under dropout or the `risk`, the loss "
        "without; plus or minus `r1`, what dropout adds to the loss on average, or `r2`, gradient_penalty_weight/4 "
        "times the squared gradient under the step's masks. Without noise in the loss, keep_prob still decides R_1 and "
        "the masks of R_2, and mask_mode how much of R_2 is the trace of the gradient's noise.",
    )
    gradient_penalty_weight: Positive | None = Field(
        None, description="lambda, the weight of `r2` (paper B, section V-B); null: the learning rate of the step."
    )
    noise: Noise | None = Field(
        None,
        description="Added to the gradient of the risk at each step, with the trace that the covariance of dropout's "
        "gradient has there, layer by layer: the noise of `dropout` without what it adds to the loss; `isotropic`; "
        "`rotated`, dropout's with other eigenvectors; `hessian`, with the Gauss-Newton Hessian as covariance. "
        "keep_prob and mask_mode are those of the dropout; null adds none.",
    )
    start: Name | None = Field(
        None,
        description="Another run of the experiment, at whose end point this one starts, seed by seed; null: at the "
        "initialisation.",
    )
    optimizer: Optimizer | None = Field(None, description="Overrides training.optimizer.")
    train_examples: Count | None = Field(None, description="Overrides data.train_examples.")
    initial_scale: list[Positive] | None = Field(None, description="Overrides model.initial_scale.")
    dropout_after: Count | None = Field(None, description="Overrides dropout.dropout_after.")
    mask_mode: Literal["per_example", "shared"] | None = Field(None, description="Overrides dropout.mask_mode.")


def check_run(name: str, experiment: "ExperimentSettings") -> None:
    """Raise a ValueError for a run whose settings do not fit each other or the experiment."""
    run, model = experiment.runs[name], experiment.model
    after = run.dropout_after or experiment.dropout.dropout_after
    layers = after if isinstance(after, list) else [after]
    if model.layer_widths:
        _check_layers(name, run, layers, len(model.layer_widths) - 2)
    if run.initial_scale is not None:
        if run.start is not None:
            raise ValueError(
                f"run '{name}' has an initial_scale but starts at the end point of another: leave initial_scale out"
            )
        model.check_initial_scale(run.initial_scale, f"run '{name}'")
    examples, batch = run.train_examples or experiment.data.train_examples, experiment.training.batch_size
    if batch is not None and batch > examples:
        raise ValueError(
            f"training.batch_size is {batch}, but run '{name}' has {examples} train_examples: write at most as many, "
            "or null for all of them"
        )
    if experiment.training.precision == "bfloat16" and run.objective.endswith(("r1", "r2")):
        raise ValueError(
            f"training.precision is bfloat16, but run '{name}' has the objective {run.objective}, whose terms are "
            "squares of small numbers: write precision: float32"
        )
    _check_objective(name, run, model, experiment.loss, layers)
    _check_noise(name, run, experiment, after)
    _check_start(name, experiment.runs)


def _check_layers(name: str, run: RunSettings, layers: list[int], hidden: int) -> None:
    if isinstance(run.keep_prob, list) and len(run.keep_prob) != len(layers):
        raise ValueError(
            f"run '{name}' gives {len(run.keep_prob)} keep probabilities for {len(layers)} layers of dropout: "
            "write one for each, or a single one for all"
        )
    if max(layers) > hidden:
        raise ValueError(
            f"run '{name}' puts dropout after hidden layer {max(layers)}, but model.widths has {hidden} of them: "
            f"write dropout_after between 1 and {hidden}"
        )


def _check_objective(name: str, run: RunSettings, model: "NetworkSettings", loss: Loss, layers: list[int]) -> None:
    if run.gradient_penalty_weight is not None and not run.objective.endswith("r2"):
        raise ValueError(
            f"run '{name}' has a gradient_penalty_weight, which only weighs R_2, but its objective is {run.objective}: "
            "leave gradient_penalty_weight out, or write an objective with r2"
        )
    if not run.objective.endswith("r1"):
        return
    where = f"run '{name}' has the objective {run.objective}, but R_1 (paper B, eq. 4) is only defined"
    if loss != "mse":
        raise ValueError(f"{where} for the loss mse, not {loss}: write loss: mse, or another objective")
    if not model.has_hidden_features:
        raise ValueError(f"{where} for a fully-connected network, not {model.name}: write another objective")
    last = len(model.layer_widths) - 2
    if model.layer_widths and layers != [last]:
        raise ValueError(
            f"{where} for dropout after the last hidden layer alone, not after {', '.join(map(str, layers))}: write "
            f"dropout_after: {last}, or another objective"
        )


def _check_noise(name: str, run: RunSettings, experiment: "ExperimentSettings", dropout_after: int | list[int]) -> None:
    if run.noise is None:
        return
    if run.objective != "risk" or run.keep_prob == 1:
        raise ValueError(
            f"run '{name}' has the noise {run.noise}, which takes dropout's place in a descent on the risk: write "
            "objective: risk, and the keep_prob below 1 of that dropout"
        )
    settings = run.model_dump() | experiment.training.model_dump() | {"loss": experiment.loss}
    settings |= {"model": experiment.model.model_dump(), "dropout_after": dropout_after}
    settings |= {"optimizer": run.optimizer or experiment.training.optimizer}
    if training_backend(settings) != "stacked":
        raise ValueError(
            f"run '{name}' has a noise, which a training has by gradient descent on the cross_entropy of all examples, "
            "of a fully-connected network with dropout after one layer: leave noise out"
        )


def _check_start(name: str, runs: Mapping[str, RunSettings]) -> None:
    """Refuse a run that starts from one that is not there, or from itself by way of others."""
    passed = [name]
    while (start := runs[passed[-1]].start) is not None:
        if start not in runs:
            others = ", ".join(other for other in runs if other != name)
            raise ValueError(
                f"run '{passed[-1]}' starts at the end point of '{start}', which is no run of the experiment: write "
                f"one of {others}"
            )
        if start in passed:
            raise ValueError(
                f"run '{name}' starts at the end point of '{runs[name].start}', which leads back to '{start}': write "
                "start: null for one of them"
            )
        passed.append(start)
