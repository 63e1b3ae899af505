"""The claims table as the report, the gallery and the summary at the end of a run show it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table

_WORDS = {"holds": ("holds", "hold"), "fails": ("fails", "fail"), "not judged": ("is not judged", "are not judged")}
_ORIGINS = {"reading": "our reading", "extension": "our extension", "identity": "an identity"}
NUMBERS = ("value", "low", "high", "control_value")


def read_claims(path: str | Path) -> pd.DataFrame:
    """The claims table with every text column as text (empty, where the file has nothing) and floats elsewhere.

    ArtifactError if the file is missing or damaged.
    """
    claims = read_table(path)
    for column in claims.columns.difference(NUMBERS):
        claims[column] = ["" if pd.isna(value) else str(value) for value in claims[column]]
    return claims.astype(dict.fromkeys(NUMBERS, float))


def measured(claim: Mapping[str, Any]) -> str:
    """Our number with its interval, such as ``0.913 [0.88, 0.94]``; the bounds only where there are any."""
    if math.isnan(claim["value"]):
        return "undefined"
    if math.isnan(claim["low"]) and math.isnan(claim["high"]):
        return f"{claim['value']:.3g}"
    return f"{claim['value']:.3g} [{claim['low']:.3g}, {claim['high']:.3g}]"


def source(claim: Mapping[str, Any]) -> str:
    """Whose sentence it is: the paper's words and their place, or that it is ours."""
    quoted = f"“{claim['quote']}”, {claim['place']}" if claim["quote"] else claim["place"]
    return "; ".join(part for part in (_ORIGINS.get(claim["origin"], ""), quoted) if part)


def judgement(claim: Mapping[str, Any]) -> str:
    """The verdict, and what the value alone says where there is none."""
    points_to = claim["points_to"]
    return f"not judged, points to {points_to}" if claim["verdict"] == "not judged" and points_to else claim["verdict"]


def control(claim: Mapping[str, Any]) -> str:
    """The control with its value and verdict, or why there is none."""
    if not claim["control_verdict"]:
        return claim["control"]
    value = "undefined" if math.isnan(claim["control_value"]) else f"{claim['control_value']:.3g}"
    return f"{claim['control']}: {value}, {claim['control_verdict']}"


def settings(claims: pd.DataFrame) -> str:
    """What follows the scale: that settings differ from the papers', where they do in any claim."""
    differing = int((claims["deviations"] != "").sum())
    return f", not the papers' settings in {differing} of {len(claims)} claims" if differing else ""


def tally(claims: pd.DataFrame) -> str:
    """How many claims hold, fail and are not judged: the papers' own sentences first, then ours."""
    papers = claims["origin"] == "paper"
    parts = (("Of the papers' sentences", claims[papers]), ("of our own and identities", claims[~papers]))
    said = [f"{whose} {_counted(of)}" for whose, of in parts if len(of)]
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else "No claim."


def _counted(claims: pd.DataFrame) -> str:
    counts = {verdict: int((claims["verdict"] == verdict).sum()) for verdict in _WORDS}
    text = ", ".join(f"{count} {_WORDS[verdict][count != 1]}" for verdict, count in counts.items())
    open_ones = claims.loc[claims["verdict"] == "not judged", "points_to"]
    ways = {way: int((open_ones == way).sum()) for way in ("holds", "fails")}
    pointing = [f"{count} {'point' if count != 1 else 'points'} to {way}" for way, count in ways.items() if count]
    return f"{text} ({', '.join(pointing)})" if pointing else text
