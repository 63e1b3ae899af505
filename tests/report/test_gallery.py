import pandas as pd
import pytest

from dropscape.artifacts.files import write_json
from dropscape.errors import ArtifactError
from dropscape.report.gallery import write_gallery
from tests.report.conftest import PAPERS


def claims_table():
    shared = {"statistic": "rank correlation", "low": -0.9, "high": -0.7, "expected": "below 0",
              "origin": "paper", "place": "section 6.1",
              "quote": "negative", "rests_on": "3 seeds", "points_to": "holds", "control": "random directions",
              "control_value": 0.1, "control_verdict": "fails", "deviations": "2,000 of 10,000 training images",
              "reason": "", "data": "MNIST", "scale": "smoke"}  # fmt: skip
    return pd.DataFrame(
        [
            {"claim": "one", "study": "noise_structure", "figure": "noise_structure-fig2d", "statement": "a | b",
             "value": -0.8, "verdict": "holds", **shared},
            {"claim": "two", "study": "modified_equations", "figure": "modified_equations-fig3a", "statement": "c",
             "value": 0.1, "verdict": "fails", **shared},
        ]
    )  # fmt: skip


def test_every_claim_and_figure_is_on_the_page(tmp_path):
    results = tmp_path / "results"
    (results / "claims").mkdir(parents=True)
    (results / "figures").mkdir()
    claims_table().to_csv(results / "claims/claims.csv", index=False)
    (results / "report").mkdir()
    write_json(results / "report/provenance.json", {"parameters": {"papers": PAPERS}})
    (results / "figures/noise_structure-fig2d.png").write_bytes(b"picture")
    write_gallery(results, tmp_path / "docs/gallery", "make paper")
    page = (tmp_path / "docs/gallery.md").read_text()
    assert "a \\| b" in page  # a bar inside a cell would end it
    assert "-0.8 [-0.9, -0.7]" in page
    assert "**fails**" in page
    assert "“negative”, section 6.1" in page and "random directions: 0.1, fails" in page
    assert "Scale `smoke`, not the papers' settings in 2 of 2 claims." in page
    assert page.count("| 2,000 of 10,000 training images |") == 2
    assert "make paper" in page
    assert "(gallery/noise_structure-fig2d.png)" in page
    assert (tmp_path / "docs/gallery/noise_structure-fig2d.png").read_bytes() == b"picture"


def test_results_without_figures_are_refused(tmp_path):
    (tmp_path / "claims").mkdir()
    claims_table().to_csv(tmp_path / "claims/claims.csv", index=False)
    with pytest.raises(ArtifactError, match="run the workflow"):
        write_gallery(tmp_path, tmp_path / "docs/gallery", "make paper")
