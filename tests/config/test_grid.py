import pytest

from dropscape.config.grid import with_grid_as_runs


def test_every_combination_is_a_run():
    family = {"keep_prob": [0.5, 0.9], "objective": ["dropout", "risk"], "learning_rate": 0.1}
    runs = with_grid_as_runs({"grid": {"{objective}-keep{keep_prob}": family}, "seeds": [0]})
    assert runs == {
        "seeds": [0],
        "runs": {
            f"{objective}-keep{keep}": {"keep_prob": keep, "objective": objective, "learning_rate": 0.1}
            for keep in (0.5, 0.9)
            for objective in ("dropout", "risk")
        },
    }


def test_a_list_in_a_list_is_one_value():
    runs = with_grid_as_runs({"grid": {"k{keep_prob}": {"keep_prob": [[0.8, 0.5], 0.9]}}})["runs"]
    assert runs == {"k0.8-0.5": {"keep_prob": [0.8, 0.5]}, "k0.9": {"keep_prob": 0.9}}


def test_runs_stand_beside_the_grid():
    written = {"runs": {"plain": {"keep_prob": 1}}, "grid": {"k{keep_prob}": {"keep_prob": [0.5]}}}
    assert list(with_grid_as_runs(written)["runs"]) == ["plain", "k0.5"]
    assert "grid" in written


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("run", "names nothing, but its lists are keep_prob"),
        ("{keep_prob}-{steps}", "names keep_prob, steps, but its lists are keep_prob"),
        ("{keep_prob}-{keep_prob}", "names keep_prob, keep_prob"),
    ],
)
def test_a_pattern_that_does_not_tell_its_runs_apart(pattern, sentence):
    with pytest.raises(ValueError, match=sentence):
        with_grid_as_runs({"grid": {pattern: {"keep_prob": [0.5, 0.9]}}})


def test_a_run_that_is_there_already():
    with pytest.raises(ValueError, match=r"run .k0\.5. of grid .* is there already"):
        with_grid_as_runs({"runs": {"k0.5": {}}, "grid": {"k{keep_prob}": {"keep_prob": [0.5]}}})
