import pandas as pd
import pytest
from matplotlib.figure import Figure

from dropscape.figures import style


def table(*runs):
    return pd.DataFrame(runs, columns=["run", "keep_prob", "learning_rate", "variant"])


def test_a_setting_looks_the_same_in_every_figure():
    one = style.looks(table(("a", 0.9, 0.1, ""), ("b", 0.8, 0.2, ""), ("c", 0.8, 0.1, "shared masks")))
    other = style.looks(table(("x", 0.7, 0.1, ""), ("y", 0.8, 0.2, ""), ("z", 0.9, 0.1, "")))
    assert one["a", 0.9].colour == other["z", 0.9].colour
    assert one["b", 0.8].colour == other["y", 0.8].colour
    assert (one["b", 0.8].marker, one["b", 0.8].label) == (other["y", 0.8].marker, "keep 0.8, lr 0.2")


def test_settings_of_one_figure_look_different():
    runs = [(f"{p}-{rate}", p, rate, "") for p in (0.95, 0.9, 0.8, 0.7, 0.5, 0.3) for rate in (0.05, 0.1, 0.2)]
    runs += [("second", 0.8, 0.1, "after layer 2"), ("shared", 0.8, 0.1, "shared masks")]
    looks = style.looks(table(*runs))
    assert len({look.colour for look in looks.values()}) == len(runs)


def test_no_variant_is_read_back_as_empty():
    assert style.looks(table(("a", 0.9, 0.1, float("nan"))))["a", 0.9].variant == ""


@pytest.mark.parametrize(("value", "text"), [(7.8e-4, "7.8e\N{MINUS SIGN}4"), (1e-8, "1e\N{MINUS SIGN}8")])
def test_numbers_in_text(value, text):
    assert style.number(value) == text


def test_values_have_shades_and_dashes_in_their_order():
    shades = style.shades([100, 20, 100], "$m$ = {:,.0f}")
    assert [look.label for look in shades.values()] == ["$m$ = 20", "$m$ = 100"]
    assert len({look.colour for look in shades.values()}) == len({look.marker for look in shades.values()}) == 2
    assert list(style.dashes_of([0.9, 0.5, 0.9])) == [0.9, 0.5] and style.dashes_of([0.9])[0.9] == "-"


def test_a_short_logarithmic_axis_writes_all_its_numbers_alike():
    figure = Figure()
    axes = figure.add_subplot()
    axes.set_yscale("log")
    axes.set_ylim(6, 35)
    style.label_logarithmic(axes.yaxis)
    figure.canvas.draw()
    labels = [one.get_text() for one in (*axes.yaxis.get_majorticklabels(), *axes.yaxis.get_minorticklabels())]
    assert {"10", "20"} <= set(labels) and not any("$" in label for label in labels)
