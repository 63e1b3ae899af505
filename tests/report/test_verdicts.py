import math

import pytest

from dropscape.errors import ArtifactError
from dropscape.report.verdicts import control, judgement, measured, read_claims, source, tally


def test_reads_back_text_as_text_and_numbers_as_numbers(claims, tmp_path):
    claims.to_csv(tmp_path / "claims.csv", index=False)
    read = read_claims(tmp_path / "claims.csv")
    assert read.equals(claims)
    # A column whose every text looks like a number stays text, and a column with no number stays numbers.
    claims.assign(quote="1", value=math.nan).to_csv(tmp_path / "claims.csv", index=False)
    read = read_claims(tmp_path / "claims.csv")
    assert read["quote"].tolist() == ["1"] * len(claims) and read["value"].dtype == float


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"claims\.csv does not exist"):
        read_claims(tmp_path / "claims.csv")


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.91234, 0.88, 0.94, "0.912 [0.88, 0.94]"),
        (-1234.5, math.nan, math.nan, "-1.23e+03"),
        (7.8e-4, math.nan, 1e-3, "0.00078 [nan, 0.001]"),
        (math.nan, 0.0, 1.0, "undefined"),
    ],
)
def test_measured(value, low, high, text):
    assert measured({"value": value, "low": low, "high": high}) == text


def test_the_papers_sentences_are_counted_apart_from_ours(claims):
    papers, ours = "1 holds, 1 fails, 1 is not judged", "1 holds, 0 fail, 0 are not judged"
    assert tally(claims) == f"Of the papers' sentences {papers}; of our own and identities {ours}."
    assert tally(claims[claims["origin"] != "paper"]) == f"Of our own and identities {ours}."


def test_what_is_not_judged_says_where_it_points(claims):
    open_one = claims.iloc[-1:].assign(points_to="fails")
    assert tally(open_one) == "Of the papers' sentences 0 hold, 0 fail, 1 is not judged (1 points to fails)."
    assert judgement(open_one.iloc[0]) == "not judged, points to fails"
    assert judgement(claims.iloc[-1]) == "not judged" and judgement(claims.iloc[0]) == "holds"


def test_whose_sentence_it_is_and_its_control(claims):
    holds, fails, identity, _ = claims.to_dict("records")
    assert source(holds) == "“negative correlation”, section 6.1"
    assert source(holds | {"origin": "reading"}) == "our reading; “negative correlation”, section 6.1"
    assert source(identity) == "an identity"
    assert control(holds) == "random directions: 0.0123, not judged"
    assert control(fails) == "random directions: undefined, not judged"
    assert control(identity) == "none: algebra guarantees it"
