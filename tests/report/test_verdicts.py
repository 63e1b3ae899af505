import math

import pytest

from dropscape.errors import ArtifactError
from dropscape.report.verdicts import measured, read_claims, tally


def test_reads_back_text_as_text_and_numbers_as_numbers(claims, tmp_path):
    claims.to_csv(tmp_path / "claims.csv", index=False)
    read = read_claims(tmp_path / "claims.csv")
    assert read.equals(claims)
    # A column whose every text looks like a number stays text, and a column with no number stays numbers.
    claims.assign(paper="1", value=math.nan).to_csv(tmp_path / "claims.csv", index=False)
    read = read_claims(tmp_path / "claims.csv")
    assert read["paper"].tolist() == ["1"] * len(claims) and read["value"].dtype == float


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


def test_tally(claims):
    assert tally(claims) == "2 claims hold, 1 fails, 1 is not judged."
    assert tally(claims.iloc[:1]) == "1 claim holds, 0 fail, 0 are not judged."
