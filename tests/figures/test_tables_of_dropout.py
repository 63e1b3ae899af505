"""Each kind's table from stage tables with a known law and known undefined points."""

from pathlib import Path

import pytest

from dropscape.figures.alignment_cosine.table import R_SQUARED, RANK
from tests.figures.conftest import FLATNESS_SLOPE, KINDS, PROJECTION_SLOPE, RUNS, make_figure
from tests.figures.made import titles


def read(made):
    return made.points, made.summary, made.description


@pytest.mark.parametrize("kind", KINDS)
def test_every_undefined_point_is_kept_with_its_reason_and_counted(kind, make):
    points, summary, description = read(make(kind))
    listed = [reason for entry in description["undefined"] for reason in entry["reasons"].values()]
    assert sum(entry["points"] for entry in description["undefined"]) == len(points)
    assert sum(listed) == points["reason"].notna().sum() > 0
    assert {"run", "keep_prob", "learning_rate", "dropout_after", "mask_mode", "seed"} <= set(points)
    assert [one["data"] for one in description["experiments"]] == ["mnist_fnn, 4,000 + 1,000 real digits"]
    assert [(one["network"], one["title"]) for one in description["experiments"]] == [
        ("fully-connected network 784-50-50-10", "MNIST")
    ]
    assert description["provenance"]["parameters"]["kind"] == kind
    assert summary["run"].isin(points["run"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_tables_give_the_same_bytes(kind, make, tmp_path):
    first, second = make(kind), make_figure(kind, tmp_path)
    for output in ("points", "summary", "description"):
        one, other = (Path(made.paths[output]).read_bytes() for made in (first, second))
        assert one == other


def test_variance_flatness_finds_the_law_and_joins_by_index(make):
    points, summary, _ = read(make("variance_flatness"))
    assert set(points["factor"]) == {2.0} and set(points["sample"]) == {"gradients"}
    assert not points.duplicated(["run", "seed", "index", "estimate"]).any()
    slopes = summary[summary["range"] == "all"].pivot_table(index="run", columns="estimate", values="slope")
    assert slopes["in-sample"].to_numpy() == pytest.approx(FLATNESS_SLOPE, abs=0.05)
    # The held-out variances of the fixture fall less steeply, as measured ones do.
    assert (slopes["held-out"] > slopes["in-sample"] + 0.2).all()
    once = points[(points["seed"] == 0) & (points["estimate"] == "in-sample")].groupby("run")["reason"]
    assert (once.agg(lambda reason: (reason == "no crossing on the left within max_width").sum()) == 1).all()
    assert (once.agg(lambda reason: (reason == "variance numerically zero").sum()) == 1).all()
    beyond = points[points["reason"] == "index beyond the half sample"]
    assert (beyond["index"] > 199).all() and set(beyond["estimate"]) == {"held-out"}


def test_smoothed_labels_have_the_flatness_of_the_divergence_too(make):
    assert "divergence" not in set(make("variance_flatness").points["estimate"])
    points, summary, _ = read(make("variance_flatness", label_smoothing=0.1))
    keys = ["run", "seed", "index"]
    whole, divergence = (points[points["estimate"] == name].set_index(keys) for name in ("in-sample", "divergence"))
    assert divergence["flatness"].to_numpy() == pytest.approx(whole["flatness"].to_numpy() / 2, nan_ok=True)
    assert divergence["variance"].equals(whole["variance"]) and divergence["reason"].equals(whole["reason"])
    slopes = summary[summary["range"] == "all"].pivot_table(index="run", columns="estimate", values="slope")
    assert slopes["divergence"].to_numpy() == pytest.approx(slopes["in-sample"].to_numpy())


def test_projected_variance_leaves_out_what_is_no_eigenvalue(make):
    points, summary, description = read(make("projected_variance"))
    kept = points[points["reason"].isna()]
    largest = points.groupby(["run", "seed"])["eigenvalue"].max().min()
    assert kept["eigenvalue"].min() > 1e-8 * largest
    assert (points.loc[points["reason"] == "eigenvalue negative", "eigenvalue"] < 0).all()
    zero = points.loc[points["reason"] == "eigenvalue numerically zero", "eigenvalue"]
    assert len(zero) and (zero.abs() <= 1e-8 * points["eigenvalue"].max()).all()
    assert (points["reason"] == "variance not positive").sum() == len(RUNS) * 2
    fits = summary[summary["range"] == "all"]
    assert fits["slope"].to_numpy() == pytest.approx(PROJECTION_SLOPE, abs=0.05)
    assert fits["points"].sum() == len(kept)
    drawn = points.groupby(["run", "seed"])["drawn"].sum()
    assert (drawn == description["drawn_directions"]).all()


def test_alignment_trace_shows_the_tentative_keep_probs(make):
    points, summary, _ = read(make("alignment_trace"))
    assert set(points["keep_prob"]) == {0.9, 0.8, 0.5}
    assert set(points["reason"].dropna()) == {"trace not positive"}
    first = summary[(summary["step"] == 0) & (summary["quantity"] == "Tr(H Sigma-bar)")]
    assert (first["seeds"] == 1).all() and (first["undefined"] == 1).all()
    rounding = 1 + 1e-12
    assert summary["mean"].between(summary["low"] / rounding, summary["high"] * rounding).all()


def test_alignment_cosine_has_the_directions_at_the_steps_whose_hessian_has_a_spectrum(make):
    made = make("alignment_cosine")
    points, summary, description = read(made)
    for quantity, value in {RANK: 0.9, R_SQUARED: 0.8}.items():
        rows = points[points["quantity"] == quantity]
        assert rows.groupby(["run", "seed"])["step"].nunique().eq(2).all() and rows["value"].eq(value).all()
        assert summary.loc[summary["quantity"] == quantity, "mean"].to_numpy() == pytest.approx(value)
    assert {f"values of {RANK}", f"values of {R_SQUARED}"} <= {entry["of"] for entry in description["undefined"]}
    assert titles(made.drawn())[-2:] == ["All directions: rank", "All directions: R²"]


def test_alignment_cosine_takes_the_papers_random_matrices(make):
    points, summary, description = read(make("alignment_cosine"))
    random = summary[summary["quantity"] == "random matrices"]
    assert set(random["run"]) == set(RUNS) and description["pairs"] == 20
    assert random["mean"].to_numpy() == pytest.approx(5e-3, rel=0.1)  # the orthonormal ones would spread by 90 %
    assert random["high"].max() < 6.1e-3
    assert points.loc[points["quantity"] == "random matrices", "seed"].isna().all()
