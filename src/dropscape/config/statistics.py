"""The statistics that a claim may name and the arguments of each, so that a slip is found before any job runs.

Each is a function of ``dropscape.claims.statistics`` or, where trainings are compared, one that
``dropscape.claims.of_experiment`` lists. That package is not imported here, because it stands on top of
everything that the configuration starts; a test keeps the two in step.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from dropscape.config.equations import Method
from dropscape.config.fields import Count, KeepProb, Name, Positive, Sample, Strict
from dropscape.config.theory import TABLES
from dropscape.config.training import Objective

Reduced = Literal["smallest", "mean", "largest"]


class _OfSample(Strict):
    sample: Sample = Field(description="Which sample of the noise.")


class VarianceFlatnessRank(_OfSample):
    """Spearman's rank correlation of principal variance and interval flatness."""

    leading: Count | None = Field(None, description="Only so many leading directions; null means all.")
    held_out: bool = Field(False, description="Whether variances are those of held-out samples.")


class VarianceFlatnessPower(_OfSample):
    """R² of the log-log fit of principal variance against interval flatness."""


class ProjectedVarianceRank(_OfSample):
    """Spearman's rank correlation of Hessian eigenvalue and projected variance."""

    leading: Count | None = Field(None, description="Only so many leading eigenvalues; null means all.")


class ProjectedVariancePower(_OfSample):
    """R² of the log-log fit of projected variance against Hessian eigenvalue."""


class GradientsMoreLinear(Strict):
    """R² of the log-log fit with gradient samples minus R² with trajectory samples."""

    relation: Literal["variance_flatness", "projected_variance"] = Field(description="Which relation is fitted.")


class FactorSensitivity(_OfSample):
    """Largest relative change of the log-log slope when another pre-factor replaces 2."""


class TraceRatio(Strict):
    """Tr(H Σ) / Tr(H Σ̄), reduced over the recorded steps."""

    over_steps: Literal["minimum", "median"] = Field(description="How the recorded steps are reduced.")


class CosineMinimum(Strict):
    """Smallest cosine of Hessian and covariance over the recorded steps."""

    estimate: Literal["cosine", "cosine_unbiased"] = Field(
        description="`cosine`: the papers' estimate; `cosine_unbiased`: freed of its finite-sample bias."
    )


class CosineSettles(CosineMinimum):
    """First recorded step from which the cosine stays above a threshold."""

    threshold: float = Field(description="The threshold.")


class BaselineCosine(Strict):
    """Mean cosine of random matrices with the run's spectra."""

    eigenvectors: Literal["normalised", "orthonormal"] = Field(
        description="`normalised`: independent normal vectors of length 1, as the paper describes; "
        "`orthonormal`: a random rotation."
    )


class SliceWidening(Strict):
    """How many times wider slices of the loss are at the end point with dropout than without."""


class AccuracyGain(Strict):
    """Test accuracy with dropout minus that without, in percentage points."""


class _OfTwoObjectives(Strict):
    first: Objective = Field(description="What the one runs descend.")
    second: Objective = Field(description="What the others descend.")


class _OverKeepProbs(_OfTwoObjectives):
    learning_rate: float | None = Field(None, description="Only runs with this learning rate; null means all.")


class AccuracyDifference(_OverKeepProbs):
    """Largest distance of two objectives' test accuracies over the keep probabilities, in percentage points."""


class TermDifference(_OverKeepProbs):
    """Largest relative difference of a part of the loss of two objectives over the keep probabilities."""

    term: Literal["loss", "r1"] = Field(description="`loss`: R_S, the risk without dropout; `r1`: R_1.")


class AccuracyAdvantage(_OverKeepProbs):
    """Test accuracy on the first objective minus that on the second, in percentage points."""

    over: Reduced = Field(description="Which of the keep probabilities' values is meant.")


class RateToPenalty(Strict):
    """Best learning rate of dropout over the best penalty of dropout plus R_2, by test accuracy."""


class RatioDifference(Strict):
    """Largest factor between the ratio of loss and squared gradient at a learning rate and at the same penalty."""


class InterpolationBarrier(_OfTwoObjectives):
    """Largest rise of the loss between two objectives' end points above the higher one."""


class InterpolationFlatness(_OfTwoObjectives):
    """Relative difference of the loss's second derivatives at the second and the first objective's end points."""


class StepsToLevel(Strict):
    """How many times as many steps another run needs until its loss is first below a level."""

    run: Name = Field(description="The run that is thought to be faster.")
    other: Name = Field(description="The other run.")
    level: Positive = Field(description="The loss.")
    other_experiment: Name | None = Field(None, description="The other run's experiment; null means the same.")


class GeneralisationChange(Strict):
    """Mean log10 of the test error on many training examples, compared."""

    above: Count = Field(description="Many are more than so many.")
    against: Literal["no_dropout", "fewer_examples"] = Field(
        description="`no_dropout`: trainings without dropout on as many examples; `fewer_examples`: trainings with the "
        "same keep probability on fewer examples."
    )
    over: Reduced = Field("mean", description="Which of the keep probabilities' values is meant.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null means all below 1.")


class CondensationChange(Strict):
    """A measure of condensation at the end of a run, compared with its start or another run's end."""

    run: Name = Field(description="The run.")
    column: Literal[
        "effective_ratio",
        "effective_ratio_unsigned",
        "leading_share",
        "total_variation",
        "convexity_changes",
        "visible_convexity_changes",
    ] = Field(description="The measure, a column of the condensation stage's table.")
    compare: Literal["difference", "ratio"] = Field(description="To the reference, or over it.")
    against: Name | None = Field(None, description="A run whose end is the reference; null: the run's own first step.")
    layer: str | None = Field(None, description="Of condensation.layers; null means the first.")


class _OfTrajectories(Strict):
    column: Literal["loss", "test_loss", "test_accuracy"] = Field("loss", description="What is compared.")
    learning_rate: Positive | None = Field(None, description="One learning rate; null means all.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null means all.")


class TrajectoryDistance(_OfTrajectories):
    """Distance between the mean trajectories of two methods over the width of their bands."""

    methods: list[Method] = Field(description="The methods, two by two.", min_length=2)


class TrajectoryOverlap(TrajectoryDistance):
    """Share of the training in which the mean of each of two methods lies within the other's band."""


class DistanceFactor(_OfTrajectories):
    """How many times farther from a method's mean trajectory one method's is than another's."""

    far: Method = Field(description="The one that is thought to be farther away.")
    near: Method = Field(description="The one that is thought to be nearer.")
    reference: Method = Field("dropout", description="The method that both are compared with.")


class _AtAPoint(Strict):
    learning_rate: Positive = Field(description="The learning rate.")
    keep_prob: KeepProb = Field(description="The keep probability.")


class ShareBelow(_AtAPoint):
    """Share of the training in which a method's mean lies below every trial of others."""

    method: Method = Field(description="The method.")
    others: list[Method] = Field(description="The others.", min_length=1)
    column: Literal["loss", "test_loss", "test_accuracy"] = Field("test_accuracy", description="What is compared.")


class DivergedShare(_AtAPoint):
    """Share of the trials of all methods that diverge."""


class _OfWeakErrors(Strict):
    order: Literal[1, 2] = Field(description="Of the equation.")


class ConvergenceSlope(_OfWeakErrors):
    """Slope of the error of an equation's expected end over the learning rate, in log-log."""


class KeepProbErrorRatio(_OfWeakErrors):
    """Error of an equation's expected end at a keep probability over that at the next smaller one."""


class NoiseFlattening(Strict):
    """Trace of the Hessian at the end of training with a noise over that without any."""

    method: Literal["dropout", "sgd", "parameter_noise"] = Field(description="The noise.")


class _OfSubnetworks(Strict):
    network: Literal["visited", "random"] = Field(description="Which sub-networks.")


class SubnetworkGap(_OfSubnetworks):
    """Accuracy of the full network minus that of its sub-networks late in training, in percentage points."""

    over: Reduced = Field(description="Which of the widths' and dropped shares' values is meant.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null means all.")
    widest: bool = Field(False, description="Whether only the largest width is meant.")


class SubnetworkGapChange(_OfSubnetworks):
    """How much that gap grows from one end of the widths or dropped shares to the other, in percentage points."""

    along: Literal["width", "dropped_share"] = Field(description="From the least to the greatest of these.")


class ErrorRate(Strict):
    """Slope of log mean error of the iterates over the log of their number, in the last decade."""

    network: Literal["full", "visited"] = Field(description="The full network or the sub-networks of the iterates.")
    over: Reduced = Field(description="Which of the widths' and keep probabilities' values is meant.")
    widest: bool = Field(False, description="Whether only the largest width is meant.")


class DistanceRate(Strict):
    """Minus the slope of the log largest distance of a neuron from its initialisation over log width."""


class Projections(Strict):
    """How many neurons the max-norm projection has moved, the most of any training."""


class ActiveWidthExcess(Strict):
    """Active neurons beyond q m over as many as the bound of paper D allows, the most of any training."""


class OfTheory(Strict):
    """A claim about a table of theory; it has no figure."""

    table: Literal[TABLES] = Field(description="The table; the module of that name in `dropscape.theory.tables`.")
    column: str = Field(description="A column of it; the module describes them.")
    where: dict[str, str] = Field(description="Value of each column that chooses the rows.")


class TheoryError(OfTheory):
    """Median of a column over the rows."""


class TheoryShare(OfTheory):
    """Share of the rows for which a statement holds."""


ARGUMENTS: dict[str, type[Strict]] = {
    "variance_flatness_rank": VarianceFlatnessRank,
    "variance_flatness_power": VarianceFlatnessPower,
    "projected_variance_rank": ProjectedVarianceRank,
    "projected_variance_power": ProjectedVariancePower,
    "gradients_more_linear": GradientsMoreLinear,
    "factor_sensitivity": FactorSensitivity,
    "trace_ratio": TraceRatio,
    "cosine_minimum": CosineMinimum,
    "cosine_settles": CosineSettles,
    "baseline_cosine": BaselineCosine,
    "slice_widening": SliceWidening,
    "accuracy_gain": AccuracyGain,
    "accuracy_difference": AccuracyDifference,
    "term_difference": TermDifference,
    "accuracy_advantage": AccuracyAdvantage,
    "rate_to_penalty": RateToPenalty,
    "ratio_difference": RatioDifference,
    "interpolation_barrier": InterpolationBarrier,
    "interpolation_flatness": InterpolationFlatness,
    "steps_to_level": StepsToLevel,
    "generalisation_change": GeneralisationChange,
    "condensation_change": CondensationChange,
    "trajectory_distance": TrajectoryDistance,
    "trajectory_overlap": TrajectoryOverlap,
    "distance_factor": DistanceFactor,
    "share_below": ShareBelow,
    "diverged_share": DivergedShare,
    "convergence_slope": ConvergenceSlope,
    "keep_prob_error_ratio": KeepProbErrorRatio,
    "noise_flattening": NoiseFlattening,
    "subnetwork_gap": SubnetworkGap,
    "subnetwork_gap_change": SubnetworkGapChange,
    "error_rate": ErrorRate,
    "distance_rate": DistanceRate,
    "projections": Projections,
    "active_width_excess": ActiveWidthExcess,
    "theory_error": TheoryError,
    "theory_share": TheoryShare,
}


def checked_arguments(statistic: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the statistic takes them; those not written stay unwritten.

    Raises:
        ValueError: an argument is missing, unknown or not one of the values the statistic takes.
    """
    kind = ARGUMENTS[statistic]
    try:
        return kind.model_validate(dict(arguments)).model_dump(exclude_unset=True)
    except ValidationError as error:
        problem = error.errors()[0]
        wrong = {"extra_forbidden": "is not one of its arguments", "missing": "is missing"}.get(
            problem["type"], f"is {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
        )
        argument = problem["loc"][0]
        raise ValueError(
            f"'{argument}' of statistic '{statistic}' {wrong}; it takes {', '.join(kind.model_fields)}"
        ) from None
