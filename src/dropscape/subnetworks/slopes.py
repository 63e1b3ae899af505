"""Exponents of power laws (paper D): how errors fall with the number of iterates, and distances with the width."""

from collections.abc import Sequence

import pandas as pd

from dropscape.numerics.fits import power_law

NETWORK = ["width", "keep_prob", "seed"]  # what tells trainings apart
DECADE = 10  # a rate is what holds for many iterates: it is fitted to the last decade of them


def error_slopes(errors: pd.DataFrame, column: str) -> pd.DataFrame:
    """Fit log error over log T in the last decade of T (Theorems 4.1 and 4.2 bound the slope by -1, up to logarithms).

    ``errors`` has width, keep_prob, seed, step (T) and the ``column``, such as ``mean_error_full``; the result width,
    keep_prob, seed and slope, NaN where fewer than three errors of the decade are positive.
    """
    return _slopes(last_decade(errors), NETWORK, "step", column)


def last_decade(table: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of each training in the last decade of its steps."""
    return table[table["step"] * DECADE >= _last_step(table)]


def distance_slopes(distances: pd.DataFrame, column: str = "largest") -> pd.DataFrame:
    """Fit log distance from the initialisation over log width at the last iterate (Lemma 5.2 has the slope -1/2).

    ``distances`` has width, keep_prob, seed, step and the ``column``, ``largest`` (as the lemma has it) or ``mean``;
    the result keep_prob, seed and slope, NaN with fewer than three widths.
    """
    return _slopes(at_last_step(distances), ["keep_prob", "seed"], "width", column)


def at_last_step(table: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of each training (width, keep_prob, seed) at its last step."""
    return table[table["step"] == _last_step(table)].reset_index(drop=True)


def _last_step(table: pd.DataFrame) -> pd.Series:
    return table.groupby(NETWORK)["step"].transform("max")


def _slopes(table: pd.DataFrame, keys: Sequence[str], x: str, y: str) -> pd.DataFrame:
    rows = [
        dict(zip(keys, values, strict=True)) | {"slope": power_law(group[x], group[y]).slope}
        for values, group in table.groupby(list(keys))
    ]
    return pd.DataFrame(rows, columns=[*keys, "slope"])
