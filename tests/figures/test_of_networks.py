"""The figures of paper D: sub-networks' accuracies, errors by the number of iterates, distances by the width."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.figures.made import Made, check_page, footer, legends, titles
from tests.figures.of_networks import accuracies, distances, errors, experiment, with_margins

TITLES = {"mnist_two_digits": "MNIST"}


def test_visited_subnetworks_have_a_band_of_a_standard_deviation(tmp_path):
    table = accuracies(widths=(100, 1000), shares=(0.5,), masks=2)
    made = Made(tmp_path, "subnetwork_accuracies", [experiment()], {"accuracies": [table]})
    assert set(made.points["network"]) == {"full", "visited"}
    ends = made.summary[made.summary["step"] == 100].set_index(["width", "network"])
    full = 0.98 - 0.88 * math.exp(-10) + 0.001
    assert ends.loc[(100, "full"), "mean"] == pytest.approx(full)
    assert ends.loc[(100, "visited"), ["low", "mean", "high"]].tolist() == pytest.approx(
        [full - 0.051, full - 0.05, full - 0.049]
    )
    assert ends["runs"].eq(3).all() and ends["undefined"].eq(0).all()
    figure = made.drawn()
    check_page(figure)
    assert titles(figure) == ["$m$ = 100, $1-p$ = 0.5", "$m$ = 1,000, $1-p$ = 0.5"]
    assert all(len(axes.lines) == 2 for axes in figure.axes)


def test_networks_of_the_figure_have_a_line_where_they_are_tested(tmp_path):
    """Random ones are the mean over masks; those trained alone are beside one of the widths."""
    table = accuracies(widths=(100, 1000), shares=(0.8,), masks=3)
    alone = table[(table["network"] == "full") & (table["width"] == 1000)].assign(network="full_alone", accuracy=0.9)
    networks = ["full", "random", "full_alone"]
    inputs = {"accuracies": [pd.concat([table, alone])]}
    made = Made(tmp_path, "subnetwork_accuracies", [experiment()], inputs, networks=networks)
    end = made.summary[made.summary["step"] == 100].set_index(["width", "network"])
    assert end.loc[(100, "random"), "mean"] == pytest.approx(0.98 - 0.88 * math.exp(-10) + 0.001 - 0.08 * 1.1)
    assert end["runs"].eq(3).all() and set(end.loc[100].index) == {"full", "random"}
    figure = made.drawn()
    check_page(figure)
    drawn = [[len(line.get_xdata()) for line in axes.lines] for axes in figure.axes]
    assert drawn == [[5, 0, 5], [5, 5, 5]]
    assert "visited" not in footer(figure)


def test_a_figure_shows_the_panels_that_it_names_in_their_order(tmp_path):
    chosen = [{"width": 1000, "keep_prob": 0.2}, {"width": 100, "keep_prob": 0.5}]
    table = accuracies(widths=(100, 1000), shares=(0.5, 0.8))
    made = Made(tmp_path, "subnetwork_accuracies", [experiment()], {"accuracies": [table]}, panels=chosen)
    shown = made.points[["panel", "width", "dropped_share"]].drop_duplicates().to_numpy().tolist()
    assert shown == [[0, 1000, 0.8], [1, 100, 0.5]]
    assert titles(made.drawn()) == ["$m$ = 1,000, $1-p$ = 0.8", "$m$ = 100, $1-p$ = 0.5"]


def test_one_run_has_no_band_and_an_undefined_accuracy_is_counted(tmp_path):
    table = accuracies(widths=(100,), shares=(0.5,), runs=(0,))
    table.loc[0, "accuracy"] = math.nan
    made = Made(tmp_path, "subnetwork_accuracies", [experiment()], {"accuracies": [table]})
    rest = made.summary[made.summary["undefined"] == 0]
    assert (rest["low"] == rest["mean"]).all() and len(rest) == len(made.summary) - 1
    assert made.description["undefined"] == [{"of": "accuracies", "points": 10, "reasons": {"not a finite number": 1}}]
    words = footer(made.drawn())
    assert "one run, no shading." in words and "1 of 10 accuracies is left out" in words


def test_accuracies_are_on_an_axis_that_is_logarithmic_in_the_error(tmp_path):
    table = accuracies(widths=(100,), shares=(0.5,))
    table.loc[table["step"] == 100, "accuracy"] = 1.0  # has no logarithm of its error, and is drawn
    made = Made(tmp_path, "subnetwork_accuracies", [experiment()], {"accuracies": [table]})
    axes = made.drawn().axes[0]
    heights = [axes.transData.transform((0, accuracy))[1] for accuracy in (0.9, 0.99, 0.999, 1.0)]
    assert np.diff(heights)[0] == pytest.approx(np.diff(heights)[1])
    assert axes.bbox.y0 < heights[0] and heights[-1] <= axes.bbox.y1 + 0.01
    assert axes.get_ylim()[0] == 0


def test_random_subnetworks_are_a_line_for_each_mask_of_the_first_run(tmp_path):
    table = accuracies(widths=(100, 1000), shares=(0.8,), masks=7)
    made = Made(tmp_path, "random_subnetworks", [experiment()], {"accuracies": [table]})
    assert set(made.points["network"]) == {"full", "random"} and set(made.points["run"]) == {0, 1, 2}
    end = made.summary[(made.summary["step"] == 100) & (made.summary["network"] == "random")].set_index("width")
    assert end["networks"].eq(21).all()
    full = 0.98 - 0.88 * math.exp(-10)
    assert end.loc[100, ["low", "high"]].tolist() == pytest.approx([full - 0.08 * 1.6, full + 0.002 - 0.08])
    figure = made.drawn()
    check_page(figure)
    for axes, width in zip(figure.axes, (100, 1000), strict=True):
        assert len(axes.lines) == 7 + 1
        assert axes.lines[3].get_ydata()[-1] == pytest.approx(full - 8 / width * 1.3)
    assert "7 masks (run 0 of 3)" in footer(figure)


def test_errors_have_a_curve_per_network_and_slopes_beside_them(tmp_path):
    names = ("sectors", "mnist_two_digits")
    tables = [errors(widths=(100, 400)), errors(widths=(100,), keep_probs=(0.5,), rate=-0.5)]
    experiments = [experiment(name, title=TITLES.get(name)) for name in names]
    made = Made(tmp_path, "error_rates", experiments, with_margins("errors", tables))
    slopes = made.summary[made.summary["quantity"] == "slope"]
    assert len(slopes) == 2 * (4 + 1)
    by = slopes.groupby(["experiment", "network"])["mean"].mean()
    assert by["sectors", "full network"] == pytest.approx(-1)
    assert by["sectors", "visited sub-networks"] == pytest.approx(-0.9)
    assert by["mnist_two_digits", "full network"] == pytest.approx(-0.5)
    curve = made.summary[(made.summary["quantity"] == "mean error") & (made.summary["step"] == 1)]
    geometric = 0.5 * (1 * 1.1 * 1.2) ** (1 / 3)
    np.testing.assert_allclose(curve["mean"], geometric)
    figure = made.drawn()
    check_page(figure)
    slopes = [axes.texts[0].get_text().replace("\N{MINUS SIGN}", "-") for axes in figure.axes]
    assert dict(zip(titles(figure), slopes, strict=True)) == {
        "two-layer ReLU network on sectors: full network": "slopes -1.00 to -1.00",
        "two-layer ReLU network on sectors: visited sub-networks": "slopes -0.90 to -0.90",
        "two-layer ReLU network on MNIST: full network": "slopes -0.50 to -0.50",
        "two-layer ReLU network on MNIST: visited sub-networks": "slopes -0.40 to -0.40",
    }
    assert "at most 0.33 of the bound of Lemma 5.1" in footer(figure)
    guide = figure.axes[0].lines[-1].get_xydata()
    assert np.diff(np.log(guide[:, 1]))[0] / np.diff(np.log(guide[:, 0]))[0] == pytest.approx(-1)


def test_an_error_of_zero_is_counted_and_the_rest_drawn(tmp_path):
    table = errors(widths=(100,), keep_probs=(0.5,))
    table.loc[table["seed"] == 0, "mean_error_full"] = 0.0
    made = Made(tmp_path, "error_rates", [experiment()], with_margins("errors", [table]))
    of_errors, of_slopes = made.description["undefined"]
    assert of_errors["reasons"] == {"error not positive": int((table["seed"] == 0).sum())}
    assert of_slopes["reasons"] == {"fewer than three positive errors": 1}
    assert len(made.drawn().axes[0].lines) == 2


def test_distances_have_the_slope_over_widths_in_the_legend(tmp_path):
    names = ("sectors", "caps", "mnist_two_digits")
    tables = [distances(rate=-0.5), distances(rate=-0.5), distances(widths=(100, 400))]
    experiments = [experiment(name, title=TITLES.get(name)) for name in names]
    made = Made(tmp_path, "distances", experiments, with_margins("distances", tables))
    end = made.summary[(made.summary["quantity"] == "largest") & (made.summary["experiment"] == "sectors")]
    np.testing.assert_allclose(end["mean"] * np.sqrt(end["width"]), (3 * 3.1 * 3.2) ** (1 / 3))
    assert made.description["trainings"] == 18 + 18 + 12
    assert made.description["norm_over_bound"] == 0.25
    assert made.description["undefined"][1]["reasons"] == {"fewer than three widths": 12}
    figure = made.drawn()
    check_page(figure)
    with_slopes, *others = legends(figure)
    minus = "\N{MINUS SIGN}0.50"
    assert with_slopes[:2] == [f"keep {one}: largest {minus}, mean {minus}" for one in (0.5, 0.9)]
    assert others == [with_slopes[:2], ["keep 0.5", "keep 0.9"]]
    assert "the max-norm projection moved no neuron" in footer(figure)
    assert titles(figure) == [f"two-layer ReLU network on {data}" for data in ("sectors", "caps", "MNIST")]


def test_projections_are_counted_over_all_trainings(tmp_path):
    made = Made(
        tmp_path,
        "distances",
        [experiment()],
        with_margins("distances", [distances(projected=1000)]),
    )
    assert made.description["projected"] == 18_000
    assert "moved 18,000 neurons" in footer(made.drawn())


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("subnetwork_accuracies", {"accuracies": [accuracies(runs=(0,), steps=(0,))]}),
        ("random_subnetworks", {"accuracies": [accuracies(runs=(0,), steps=(0,), masks=1)]}),
        (
            "error_rates",
            with_margins("errors", [errors(seeds=(0,)).assign(mean_error_full=0.0, mean_error_visited=math.nan)]),
        ),
        (
            "distances",
            with_margins("distances", [distances(seeds=(0,)).assign(largest=0.0, mean=0.0)]),
        ),
    ],
)
def test_what_is_barely_there_is_drawn_all_the_same(tmp_path, kind, inputs):
    made = Made(tmp_path, kind, [experiment()], inputs)
    paths = made.saved()
    assert all(path.stat().st_size > 1000 for path in map(tmp_path.joinpath, (paths["pdf"], paths["png"])))
