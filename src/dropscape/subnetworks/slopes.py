"""How errors fall with the number of iterates and distances with the width: exponents of power laws (paper D)."""

from collections.abc import Sequence

import pandas as pd

from dropscape.numerics.fits import power_law

# A rate is what holds for many iterates: it is fitted to the last decade of them.
DECADE = 10


def error_slopes(errors: pd.DataFrame, column: str) -> pd.DataFrame:
    """Slope of log error over log T in the last decade of T (Theorems 4.1 and 4.2 bound it by -1, up to logarithms).

    Args:
        errors: width, keep_prob, seed, step (T) and ``column``.
        column: such as ``mean_error_full``, the mean over the iterates up to T.

    Returns:
        width, keep_prob, seed, slope: NaN where fewer than three errors of the decade are positive.
    """
    last = errors.groupby(["width", "keep_prob", "seed"])["step"].transform("max")
    return _slopes(errors[errors["step"] * DECADE >= last], ["width", "keep_prob", "seed"], "step", column)


def distance_slopes(distances: pd.DataFrame, column: str = "largest") -> pd.DataFrame:
    """Slope of log distance from the initialisation over log width at the last iterate (Lemma 5.2 has -1/2).

    Args:
        distances: width, keep_prob, seed, step and ``column``.
        column: ``largest`` (over the neurons, as the lemma has it) or ``mean``.

    Returns:
        keep_prob, seed, slope: NaN with fewer than three widths.
    """
    return _slopes(at_last_step(distances), ["keep_prob", "seed"], "width", column)


def at_last_step(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each training (width, keep_prob, seed) at its last step."""
    last = table.groupby(["width", "keep_prob", "seed"])["step"].transform("max")
    return table[table["step"] == last].reset_index(drop=True)


def _slopes(table: pd.DataFrame, keys: Sequence[str], x: str, y: str) -> pd.DataFrame:
    rows = [
        dict(zip(keys, values, strict=True)) | {"slope": power_law(group[x], group[y]).slope}
        for values, group in table.groupby(list(keys))
    ]
    return pd.DataFrame(rows, columns=[*keys, "slope"])
