"""Tr(H Sigma) against Tr(H Sigma-bar) along training without dropout (paper A, section 7 and Fig. 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.figures.tables.content import Content, count_undefined, of_runs
from dropscape.figures.tables.over_seeds import long_format, over_seeds

SIGMA, ISOTROPIC = "Tr(H Sigma)", "Tr(H Sigma-bar)"


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Both traces at every recorded step.

    Args:
        experiments: one, with ``runs`` and ``dropout``.
        inputs: ``alignment``, one table per run; its keep_prob is that of the tentative dropout.

    Returns:
        points: run, seed, step, quantity, value, reason (a value that is not positive has no place on the
        logarithmic axis). summary: geometric mean and range over seeds.
    """
    (settings,) = experiments
    quantities = {"trace_h_sigma": SIGMA, "trace_h_isotropic": ISOTROPIC}
    points = long_format(of_runs(settings, inputs["alignment"]), quantities)
    points["reason"] = points["reason"].mask((points["reason"] == "") & (points["value"] <= 0), "trace not positive")
    return Content(points, over_seeds(points, geometric=True), [count_undefined("values", points["reason"])], {})
