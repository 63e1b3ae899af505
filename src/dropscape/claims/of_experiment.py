"""The statistics that compare an experiment's trainings with each other, by name."""

from collections.abc import Callable

from dropscape.claims.generalisation import condensation_change, generalisation_change, steps_to_level
from dropscape.claims.noises import noise_flattening
from dropscape.claims.objectives import (
    accuracy_advantage,
    accuracy_difference,
    interpolation_barrier,
    interpolation_flatness,
    rate_to_penalty,
    ratio_difference,
    term_difference,
)
from dropscape.claims.statistics import Measured
from dropscape.claims.subnetworks import (
    active_width_excess,
    distance_rate,
    error_rate,
    projections,
    subnetwork_gap,
    subnetwork_gap_change,
)
from dropscape.claims.trajectories import (
    distance_factor,
    diverged_share,
    share_below,
    trajectory_distance,
    trajectory_overlap,
)
from dropscape.claims.weak_errors import convergence_slope, keep_prob_error_ratio

OF_EXPERIMENT: dict[str, Callable[..., Measured]] = {
    function.__name__: function
    for function in (
        accuracy_difference,
        term_difference,
        accuracy_advantage,
        rate_to_penalty,
        ratio_difference,
        interpolation_barrier,
        interpolation_flatness,
        steps_to_level,
        generalisation_change,
        condensation_change,
        trajectory_distance,
        trajectory_overlap,
        distance_factor,
        share_below,
        diverged_share,
        convergence_slope,
        keep_prob_error_ratio,
        noise_flattening,
        subnetwork_gap,
        subnetwork_gap_change,
        error_rate,
        distance_rate,
        projections,
        active_width_excess,
    )
}
