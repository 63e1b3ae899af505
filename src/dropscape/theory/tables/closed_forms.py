"""Theorems 1 and 2 and Proposition 1 of paper A judged on small networks against the enumeration of all masks."""

import math
from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from dropscape.theory import closed_forms, enumeration
from dropscape.theory.closed_forms import DropoutExpansion
from dropscape.theory.networks import Problem, minimised, random_problem
from dropscape.theory.proposition import constants, loewner_checks


def table(
    networks: int,
    keep_probs: Sequence[float],
    seed: int,
    hidden: Sequence[int] = (6, 8),
    inputs: int = 4,
    examples: int = 16,
) -> pd.DataFrame:
    """One row per (network, keep_prob, state, parameters).

    All matrices are float64, |.| is the Frobenius norm, and H, Sigma and M (the uncentred second moment of one
    example's gradient) without a name are the enumerated ones. Sections and equations are those of paper A. Dropout
    acts on the last of the ``hidden`` layers, of at most ``enumeration.MAX_UNITS`` units. More of them, or a keep
    probability outside (0, 1], are a ConfigurationError, a training that diverged a DivergenceError.

    Returns:
        The columns

        - ``network``: index from 0. ``keep_prob``: the paper's p.
        - ``state``: ``random`` (away from a minimum; the same network for every keep_prob) or ``trained`` (near a
          minimum of E R^drop for this keep_prob; ``networks.minimised``).
        - ``parameters``: ``one_layer``, the weight and bias of layer L-1, the one before the dropout, or ``all``.
        - ``dimension``: P, how many parameters that is.
        - ``loss``: E_eta R_S^drop. ``loss_without_dropout``: R_S.
        - ``loss_spread``: standard deviation over the examples of E l_i, the dropout loss of one, over its mean.
        - ``loss_identity_error``: max_i |eps_i^2 + s sum_j g_ij^2 - 2 E l_i| / max_i 2 E l_i (end of App. B.2).
        - ``gradient_norm``: |grad E_eta R_S^drop| with respect to the row's parameters (0 in Assumption 1).
        - ``theorem1_error``: |H_Theorem1 - H| / |H|. The dropped terms, of which the next two columns tell, can cancel.
        - ``theorem1_residual_term``: |(1/n) sum_i eps grad^2 f| / |H|, dropped from grad^2 R_S (App. B.1).
        - ``theorem1_dropout_term``: |(s/n) sum_i sum_j g_j grad^2 g_j| / |H|, dropped from the second term of eq. (2).
        - ``exact_covariance_error``: |closed_forms.exact_covariance - Sigma| / |Sigma|.
        - ``theorem2_error``: |Sigma_Theorem2 - Sigma| / |Sigma|. Sigma_Theorem2 - Sigma is the sum of the three
          matrices whose sizes are the next columns. It can exceed 1 by far near a minimum: for an example with one
          active unit before the output, fitted exactly when that unit is kept, the true gradient is 0 for both masks.
        - ``assumption1_error``: |gbar gbar'| / |Sigma|, gbar = grad E R^drop, the mean dropped in App. B.2.
        - ``first_order_error``: |M_(3) - M| / |Sigma|, with M_(3) of eq. (3): the Taylor expansion's missing
          quadratic term in eta.
        - ``cross_term_error``: |Sigma_Theorem2 - M_(3)| / |Sigma|, the term dropped as grad (eps_i)^2 = 0.
        - ``first_order_error_of_dropout_part``: |M_(3) - M| / |M - M_0|, M_0 the second moment without dropout: the
          expansion's error relative to what dropout adds. NaN at keep_prob 1, where dropout adds nothing.
        - ``disproportion``: min_c |Sigma - c H| / |Sigma|, 0 if they are proportional (section 8, last paragraph).
        - ``delta``, ``epsilon``: the constants of Proposition 1 (``proposition.constants``); NaN where an output lies
          outside (0, 1), and then the columns below are missing.
        - ``lower_margin_closed_form``, ``upper_margin_closed_form``: parts (i) and (ii) with the matrices of Theorems 1
          and 2; ``lower_margin_enumerated``, ``upper_margin_enumerated``: with H and Sigma. Smallest eigenvalue
          of the difference relative to the norm of the bound, negative where violated (``loewner_checks``).
        - ``lower_holds_closed_form``, ``upper_holds_closed_form``, ``lower_holds_enumerated``,
          ``upper_holds_enumerated``: whether they hold up to rounding; nullable booleans.
        - ``note``: why values of the row are missing; empty if none is.
    """
    problems = [random_problem(seed, index, inputs, hidden, examples) for index in range(networks)]
    rows = []
    for index, minima in enumerate(minimised(problems, keep_probs)):
        for keep_prob, minimum in zip(keep_probs, minima, strict=True):
            for state, judged in (("random", problems[index]), ("trained", minimum)):
                key = {"network": index, "keep_prob": float(keep_prob), "state": state}
                rows += [key | row for row in compare(judged, keep_prob)]
    frame = pd.DataFrame(rows)
    holds = [column for column in frame if "_holds_" in column]
    return frame.astype(dict.fromkeys(holds, "boolean"))


def compare(problem: Problem, keep_prob: float) -> list[dict[str, object]]:
    """The rows ``one_layer`` and ``all`` of ``table`` for one network and keep probability."""
    model, x, y = problem.model, problem.inputs, problem.targets
    names = [name for name, _ in model.named_parameters()]
    expansion = closed_forms.expand(model, x, y, names)
    losses = enumeration.expected_losses(model, x, y, keep_prob)
    hessian = enumeration.hessian(model, x, y, keep_prob, names)
    plain_hessian = enumeration.hessian(model, x, y, 1.0, names)
    mean, second_moment = enumeration.gradient_moments(model, x, y, keep_prob, names)

    delta, epsilon = constants(expansion.residual + y, y, losses)
    identity_error = (closed_forms.expected_losses(expansion, keep_prob) - losses).abs().max() / losses.max()
    common = {
        "loss": float(losses.mean()),
        "loss_without_dropout": float((expansion.residual**2).mean() / 2),
        "loss_spread": float(losses.std(correction=0) / losses.mean()),
        "loss_identity_error": float(identity_error),
        "delta": delta,
        "epsilon": epsilon,
    }
    rows = []
    *_, before_dropout, last = (sum(value.numel() for value in layer.parameters()) for layer in model.layers)
    one_layer = slice(len(mean) - last - before_dropout, len(mean) - last)
    for parameters, part in (("one_layer", one_layer), ("all", slice(None))):
        here = expansion.restricted_to(part)
        own_hessian, own_mean, own_moment = hessian[part, part], mean[part], second_moment[part, part]
        row = {"parameters": parameters, "dimension": here.output_gradient.shape[1], **common}
        row |= _theorem_1(here, keep_prob, own_hessian, plain_hessian[part, part])
        row |= _theorem_2(here, keep_prob, own_mean, own_moment)
        row["disproportion"] = _disproportion(own_moment - torch.outer(own_mean, own_mean), own_hessian)
        closed = closed_forms.hessian(here, keep_prob), closed_forms.covariance(here, keep_prob)
        enumerated = own_hessian, own_moment - torch.outer(own_mean, own_mean)
        for version, (h, sigma) in (("closed_form", closed), ("enumerated", enumerated)):
            checks = loewner_checks(h, sigma, delta, epsilon)
            for side, (margin, holds) in zip(("lower", "upper"), checks, strict=True):
                row |= {f"{side}_margin_{version}": margin, f"{side}_holds_{version}": holds}
        rows.append(row | {"note": _note(here, delta)})
    return rows


def _note(expansion: DropoutExpansion, delta: float) -> str:
    reasons = []
    if math.isnan(delta):
        reasons.append("an output lies outside (0, 1), Proposition 1 does not apply")
    # As where training has made a hidden layer inactive on every example.
    if not bool(expansion.unit_output_gradients.any() or expansion.output_gradient.any()):
        reasons.append("no example reaches these parameters, H and Sigma are zero")
    return "; ".join(reasons)


def _norm(matrix: Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix))


def _ratio(part: Tensor, size: float) -> float:
    """|part| / size, NaN if size is 0."""
    return _norm(part) / size if size > 0 else math.nan


def _disproportion(sigma: Tensor, hessian: Tensor) -> float:
    """min_c |sigma - c H| / |sigma|, NaN if either is 0."""
    product = float((sigma * hessian).sum()) / (_norm(hessian) * _norm(sigma) or math.nan)
    return math.sqrt(max(0.0, 1 - product**2)) if not math.isnan(product) else math.nan


def _theorem_1(expansion: DropoutExpansion, keep_prob: float, hessian: Tensor, plain: Tensor) -> dict[str, float]:
    """Columns of Theorem 1; ``plain`` is the Hessian of R_S."""
    size = _norm(hessian)
    error = closed_forms.hessian(expansion, keep_prob) - hessian
    residual_term = plain - closed_forms.hessian(expansion, 1.0)
    return {
        "theorem1_error": _ratio(error, size),
        "theorem1_residual_term": _ratio(residual_term, size),
        "theorem1_dropout_term": _ratio(error + residual_term, size),
    }


def _theorem_2(expansion: DropoutExpansion, keep_prob: float, mean: Tensor, moment: Tensor) -> dict[str, float]:
    product = torch.outer(mean, mean)
    sigma = moment - product
    size = _norm(sigma)
    closed = closed_forms.covariance(expansion, keep_prob)
    first_order = closed_forms.first_order_second_moment(expansion, keep_prob)
    added = _norm(moment - closed_forms.exact_second_moment(expansion, 1.0)) if keep_prob < 1.0 else 0.0
    return {
        "gradient_norm": float(mean.norm()),
        "exact_covariance_error": _ratio(closed_forms.exact_covariance(expansion, keep_prob) - sigma, size),
        "theorem2_error": _ratio(closed - sigma, size),
        "assumption1_error": _ratio(product, size),
        "first_order_error": _ratio(first_order - moment, size),
        "cross_term_error": _ratio(closed - first_order, size),
        "first_order_error_of_dropout_part": _ratio(first_order - moment, added),
    }
