"""Figures that compare trainings name what they need of their experiments."""

import pytest

from dropscape.errors import ConfigurationError

RUNS = {
    "plain": {"keep_prob": 1, "learning_rate": 0.1, "objective": "risk"},
    "then": {"keep_prob": 0.5, "learning_rate": 0.1, "start": "plain"},
    "few": {"keep_prob": 0.5, "learning_rate": 0.1, "train_examples": 4},
}
EXPERIMENT = {
    "data": {"dataset": "mnist", "train_examples": 50, "test_examples": 50},
    "model": {"name": "fnn", "widths": [784, 5, 10]},
    "loss": "mse",
    "block": ["layers.0.weight"],
    "training": {"steps": 10},
    "condensation": {"layers": ["layers.0.weight"], "recorded_steps": 3},
    "interpolations": {"pairs": [["plain", "then"]]},
    "ratio": {"samples": 10},
    "seeds": [0],
    "runs": RUNS,
}


@pytest.fixture
def loaded(load):
    """The settings with the experiment, changed, and one figure of it."""

    def of(figure, **changes):
        experiments = {"compared": EXPERIMENT | changes}
        figures = {"fig99": {"experiment": "compared", "paper_reference": "Paper B, Fig. 99"} | figure}
        return load(overrides={"implicit_regularization": {"experiments": experiments, "figures": figures}})

    return of


@pytest.mark.parametrize(
    "kind",
    [
        "loss_histories",
        "similarity_map",
        "effective_ratios",
        "rotation_and_share",
        "test_error_grid",
        "objectives_over_keep_prob",
        "rate_against_penalty",
        "interpolations",
    ],
)
def test_an_experiment_with_every_section_can_be_drawn(kind, loaded):
    assert loaded({"kind": kind}).studies["implicit_regularization"].figures["fig99"].kind == kind


REFUSED = [
    ({"kind": "similarity_map"}, {"condensation": None}, "fig99 needs the section condensation in experiment"),
    ({"kind": "condensation_features"}, {}, "fig99 draws functions: write condensation.interval in experiment"),
    ({"kind": "rate_against_penalty"}, {"ratio": None}, "fig99 needs the section ratio in experiment 'compared'"),
    ({"kind": "interpolations"}, {"interpolations": None}, "fig99 needs the section interpolations in experiment"),
    ({"kind": "interpolations", "runs": ["plain"]}, {}, "draws the pairs of interpolations.pairs: leave runs out"),
    (
        {"kind": "loss_histories", "runs": ["then"]},
        {},
        "draws the run 'then' behind the one it starts from: write 'plain' into runs",
    ),
    ({"kind": "loss_histories", "runs": ["late"]}, {}, "fig99 draws the run 'late', which is none of compared"),
    (
        {"kind": "loss_histories", "runs": ["lr0.1"], "experiment": ["compared", "mnist_fnn_plain"]},
        {},
        "fig99 draws no run of experiment 'compared': write one of plain, then, few",
    ),
    (
        {"kind": "objectives_over_keep_prob", "experiment": ["compared", "mnist_fnn"]},
        {},
        "fig99 of kind objectives_over_keep_prob draws one experiment: write only one",
    ),
    ({"kind": "loss_histories", "objectives": [["risk"]]}, {}, "figures.fig99.objectives' is not a known key"),
    (
        {"kind": "interpolations"},
        {"interpolations": {"pairs": [["plain", "late"]]}},
        "interpolations.pairs names 'late', which is no run of the experiment: write one of plain, then, few",
    ),
    (
        {"kind": "interpolations"},
        {"interpolations": {"pairs": [["plain", "few"]]}},
        "joins plain and few, which train on different numbers of examples: write runs of the same data",
    ),
    (
        {"kind": "interpolations"},
        {"model": {"name": "vgg9", "classes": 10}, "condensation": None},
        "interpolations need a network without batch or layer norms, unlike vgg9",
    ),
]


@pytest.mark.parametrize(("figure", "changes", "sentence"), REFUSED, ids=[sentence[:40] for *_, sentence in REFUSED])
def test_what_cannot_be_drawn_is_refused_before_any_job(figure, changes, sentence, loaded):
    with pytest.raises(ConfigurationError) as error:
        loaded(figure, **changes)
    assert sentence in str(error.value)
