"""The typed configuration of the experiments on dropout's stochastic modified equations (paper C)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dropscape.measurement import StageExperiment, Task
from dropscape.schema import SPEED_ONLY, Count, KeepProb, Name, Positive, Strict

Method = Literal["dropout", "dropout_again", "order_1", "order_1_many", "order_2", "descent"]
MOST_UNITS = 12  # whose masks are enumerated


class EquationsDataSettings(Strict):
    """Which images a network of the equations trains and is tested on."""

    dataset: Name = Field("mnist", description="Name of a dataset of grey images.")
    train_examples: Count = Field(description="The first so many training examples are used.")
    test_examples: Count = Field(description="The first so many test examples are used.")
    side: Count = Field(
        description="Images are averaged over squares to so many pixels a side, which must divide theirs; 28 leaves "
        "MNIST as it is."
    )


class EquationsModelSettings(Strict):
    """The fully-connected network of paper C, with dropout after every hidden layer and no output bias."""

    widths: list[Count] = Field(
        description="Units of the hidden layers. With one the equations are exact; with more their drift and "
        "covariance are estimated from masks (`trajectories.samples`).",
        min_length=1,
    )
    activation: Literal["tanh", "sigmoid", "gelu", "softplus", "relu"] = Field(
        "tanh", description="Activation; the theory does not cover relu, which has no second derivative."
    )
    initial_scale: list[Positive] | None = Field(
        None,
        description="Weights and biases of layer l are drawn from N(0, s_l^2); one number for each layer. Null: "
        "torch's own uniform initialisation.",
    )

    @model_validator(mode="after")
    def _one_scale_for_each_layer(self):
        if self.initial_scale and len(self.initial_scale) != len(self.widths) + 1:
            raise ValueError(
                f"initial_scale is {self.initial_scale}, but the network has {len(self.widths) + 1} layers: write one "
                "number for each"
            )
        return self


class PointSettings(Strict):
    """One point (eta, p) at which trajectories are compared."""

    keep_prob: KeepProb = Field(description="Probability that a unit is kept (scaled by its inverse).")
    learning_rate: Positive = Field(description="Learning rate, also the step and the unit of noise of an equation.")
    steps: Count = Field(description="Steps.")


class MatricesSettings(Strict):
    """Noise and curvature along dropout as exact matrices, and how descent on L_S merges with it (paper C, 5 and 6)."""

    recorded_steps: Count = Field(description="Steps of each point at which the matrices are measured.")
    leading_directions: Count = Field(description="Leading eigenvectors of Hessian and covariance that are compared.")
    merging_rates: list[Positive] = Field(
        description="Learning rates at which dropout's expected loss is compared with that of descent on L_S.",
        min_length=3,
    )
    merging_time: Positive = Field(description="The end T of that, in units of learning rate times step.")
    merging_trials: Annotated[int, Field(ge=10, multiple_of=10)] = Field(
        description="Trials of dropout of each seed for that, all from its first one's start."
    )


class TrajectoriesSettings(Strict):
    """Losses along dropout, its equations and descent on the modified loss (paper C, Fig. 1a and 2)."""

    methods: list[Method] = Field(
        description="`dropout`; `dropout_again`, from the same starts with other masks; the equation of `order_1` or "
        "`order_2`; `order_1_many`, from `many_samples`; `descent`, gradient descent on the modified loss L_S, in a "
        "deep network on the mean of `many_samples` gradients.",
        min_length=1,
    )
    trials: Count = Field(description="Trials of each seed, each with a start of its own that all methods share.")
    history_points: Annotated[Count, SPEED_ONLY] = Field(
        200, description="Steps at which losses are recorded, half log-spaced, half even."
    )
    batch_size: Count | None = Field(
        None, description="Examples of a step, drawn anew for each; null takes all. Needs `samples`."
    )
    samples: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="An equation's drift and covariance are estimated at each step from so many sampled gradients of "
        "dropout; null: exact, for one hidden layer and all examples. One part in so many of its noise is dropout's "
        "own.",
    )
    many_samples: Annotated[int, Field(ge=2)] | None = Field(
        None, description="The same of `order_1_many`, and of `descent` in a deep network."
    )
    matrices: MatricesSettings | None = Field(
        None, description="Matrices of noise and curvature along them; null: none, and their tables are empty."
    )
    runs: dict[Name, PointSettings] = Field(description="The points by name.", min_length=1)

    @model_validator(mode="after")
    def _distinct(self):
        names: dict[tuple[float, float], str] = {}
        for name, point in self.runs.items():
            same = names.setdefault((point.learning_rate, point.keep_prob), name)
            if same != name:
                raise ValueError(f"runs '{same}' and '{name}' are the same point: leave one out")
        return self


class FewTrialsSettings(Strict):
    """The paper's own protocol for Fig. 1(b, c): means of a few independent trials, Euler-Maruyama, the plain norm."""

    trials: Annotated[int, Field(ge=2)] = Field(description="Independent trials of dropout and of each equation.")
    repetitions: Annotated[int, Field(ge=3)] = Field(description="How often it is repeated, with other noise.")


class WeakErrorsSettings(Strict):
    """How far expectations along the equations are from dropout's (paper C, Definition 1 and Fig. 1b and c)."""

    methods: list[Literal["order_1", "order_2", "drift_1", "drift_2", "descent"]] = Field(
        description="What is compared with dropout: the equation of `order_1` or `order_2`; `drift_1` and `drift_2`, "
        "the same without noise; `descent`, gradient descent on L_S.",
        min_length=1,
    )
    keep_probs: list[KeepProb] = Field(description="Keep probabilities.", min_length=1)
    learning_rates: list[Positive] = Field(description="Learning rates.", min_length=1)
    flow_time: Positive = Field(description="The end T, in units of learning rate times step; a multiple of each rate.")
    times: Count = Field(
        8, description="So many steps, evenly up to the end, are compared; the weak error is the largest of them."
    )
    trials: Annotated[int, Field(ge=3)] = Field(
        description="Pairs of trials, all of the first seed and from one start."
    )
    inner_steps: Count = Field(1, description="Steps of the equation's discretisation in one of dropout.")
    scheme: Literal["euler_maruyama", "midpoint"] = Field("midpoint", description="Discretisation of the equation.")
    few_trials: FewTrialsSettings | None = Field(None, description="The paper's own protocol; null leaves it out.")

    @model_validator(mode="after")
    def _whole_steps(self):
        for rate in self.learning_rates:
            steps = self.flow_time / rate
            if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
                raise ValueError(
                    f"flow_time {self.flow_time:g} is no multiple of the learning rate {rate:g}: write rates that "
                    "divide it"
                )
        return self


class NoisesSettings(Strict):
    """Flatness along training with different noise, and on the mean loss of each (paper C, appendix D)."""

    learning_rate: Positive = Field(description="Learning rate of all methods.")
    steps: Count = Field(description="Steps of all methods.")
    trials: Count = Field(description="Trials of each seed, each with a start of its own that all methods share.")
    keep_prob: KeepProb = Field(description="Keep probability of `dropout`.")
    batch_size: Count = Field(description="Examples of a step of `sgd`.")
    parameter_noise: Positive = Field(
        description="Standard deviation of the normals that `parameter_noise` adds to all parameters before each "
        "gradient."
    )
    mean_samples: Annotated[int, Field(ge=2)] = Field(
        description="Gradients of a step of `parameter_noise_mean`, whose mean stands for that of the noisy loss."
    )
    history_points: Annotated[Count, SPEED_ONLY] = Field(
        60, description="Steps at which loss and trace are measured, half log-spaced, half even."
    )


class EquationsSettings(StageExperiment):
    """One set-up of the equations: data and network, and what is compared."""

    data: EquationsDataSettings = Field(description="Which examples it trains and tests on.")
    model: EquationsModelSettings = Field(description="The network.")
    loss: Literal["mse", "torch_mse"] = Field(
        "mse",
        description="`mse` is half the squared error, summed over the outputs (eq. 1); `torch_mse` is the mean over "
        "examples and outputs, which with k outputs is 2/k of it: the same as a learning rate so many times smaller.",
    )
    trajectories: TrajectoriesSettings | None = Field(None, description="Losses along them; null leaves them out.")
    weak_errors: WeakErrorsSettings | None = Field(None, description="Orders of convergence; null leaves them out.")
    noises: NoisesSettings | None = Field(None, description="Flatness under three noises; null leaves it out.")

    @model_validator(mode="after")
    def _exact_or_sampled(self):
        trajectories, deep = self.trajectories, len(self.model.widths) > 1
        if trajectories:
            sampled = deep or trajectories.batch_size is not None
            if sampled and trajectories.samples is None:
                raise ValueError(
                    "the equations are exact for one hidden layer and all examples only: write trajectories.samples"
                )
            if trajectories.samples and "order_2" in trajectories.methods:
                raise ValueError(
                    "trajectories.methods names order_2, which has no estimate from samples: write order_1 instead"
                )
            many = {"order_1_many", *(["descent"] if deep else [])} & set(trajectories.methods)
            if many and not (trajectories.samples and trajectories.many_samples):
                raise ValueError(
                    f"{' and '.join(sorted(many))} is estimated: write trajectories.samples and many_samples"
                )
        if trajectories and trajectories.matrices and (trajectories.samples or self.model.widths[0] > MOST_UNITS):
            raise ValueError(
                "trajectories.matrices goes through all masks of one hidden layer: write one width of at most "
                f"{MOST_UNITS} and no trajectories.samples"
            )
        if deep and (self.weak_errors or self.noises):
            raise ValueError("weak_errors and noises are measured with one hidden layer: write one width")
        return self

    @property
    def dataset(self) -> str:
        """Name of the dataset that it reads."""
        return self.data.dataset

    @property
    def runs(self) -> Mapping[str, PointSettings]:
        """The points of its trajectories."""
        return self.trajectories.runs if self.trajectories else {}

    @property
    def described(self) -> dict[str, Any]:
        """What a figure's text says of it."""
        asked = self.trajectories
        return {
            "model": f"{'-'.join(map(str, self.model.widths))} {self.model.activation} units",
            "train_examples": self.data.train_examples,
            "side": self.data.side,
            "loss": self.loss,
            "estimated": asked and {key: getattr(asked, key) for key in ("batch_size", "samples", "many_samples")},
        }

    def tasks(self, device: str) -> Sequence[Task]:
        """One job for each section that is written."""
        shared = self.model_dump(mode="json", include={"data", "model", "loss", "seeds"}) | {"device": device}
        sections = {
            "trajectories": ("equations", ["trajectories", "divergences", "matrices", "merging"]),
            "weak_errors": ("equations_weak_errors", ["weak_errors", "few_trials"]),
            "noises": ("equations_noises", ["noises"]),
        }
        return [
            Task(rule, shared | asked.model_dump(mode="json"), dict.fromkeys(tables, "equations"), on_device=True)
            for name, (rule, tables) in sections.items()
            if (asked := getattr(self, name))
        ]
