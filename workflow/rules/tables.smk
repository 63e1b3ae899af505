# Which tables runs and experiments have, which of them claims judge and figures draw, and what both are told of a run.
from dropscape.config.figures import OF_STAGES as TABLES_OF_STAGE_FIGURE
from dropscape.report.papers import category

# ---- claims

CLAIMS = {
    name: claim for name, claim in SETTINGS.claims.items() if claim.study in STUDIES
}

# The experiment whose runs a claim is about; theory's claims have none.
EXPERIMENT_OF_CLAIM = {
    name: (
        claim.experiment or FIGURES[f"{claim.study}-{claim.figure}"].experiment
        if claim.figure
        else None
    )
    for name, claim in CLAIMS.items()
}

# Those, and the experiments that claims compare them with.
CLAIMED_EXPERIMENTS = {
    *EXPERIMENT_OF_CLAIM.values(),
    *(claim.arguments.get("other_experiment") for claim in CLAIMS.values()),
}

CLAIMED_RUNS = [
    (experiment, run) for experiment, run in RUNS if experiment in CLAIMED_EXPERIMENTS
]

DESCRIPTION_OF_CLAIMED = {
    experiment: description_of(experiment)
    for experiment in ALL_EXPERIMENTS
    if experiment in CLAIMED_EXPERIMENTS
}

CLAIMED_THEORY = sorted(
    {
        (claim.study, claim.arguments["table"])
        for claim in CLAIMS.values()
        if not claim.figure
    }
)


def without_dropout(experiment, run):
    """Whether the run trains without dropout, so that it has no noise of its own to measure."""
    keep_prob = EXPERIMENTS[experiment].runs[run].keep_prob
    return (
        EXPERIMENTS[experiment].runs[run].objective == "risk"
        or keep_prob == 1
        or (isinstance(keep_prob, list) and set(keep_prob) == {1})
    )


def tables_of_run(experiment, run):
    """File of each table that a run has, by its kind."""
    settings = EXPERIMENTS[experiment]
    noisy = not without_dropout(experiment, run)
    files = {"history": "training"}
    if settings.model.name == "transformer":
        files["translations"] = "training"
    if settings.slices:
        files |= {"slices": "flatness", "slice_widths": "flatness"}
    if settings.condensation:
        tables = ["condensation", "neurons", "function", "similarity"]
        files |= dict.fromkeys(tables, "condensation")
        if settings.condensation.interval:
            files["examples"] = "condensation"
    if settings.ratio and noisy:
        files["ratios"] = "sampling"
    if settings.alignment and (noisy or settings.alignment.keep_probs):
        files["alignment"] = "noise"
    if settings.flatness and noisy:
        files |= {"interval": "flatness", "spectrum": "noise"}
    if settings.gradients and noisy:
        files["projection"] = "noise"
        if settings.alignment and settings.alignment.baseline_samples:
            files["baseline"] = "noise"
    return {
        kind: f"{RESULTS}/{stage}/{experiment}/{run}/{kind}.csv"
        for kind, stage in files.items()
    }


def tables_of_experiment(experiment):
    """File of each table that an experiment has as a whole, by its kind."""
    if experiment in OF_STAGES:
        stage = OF_STAGES[experiment].stage
        return {
            table: of_stage(stage, f"{table}.csv").format(experiment=experiment)
            for table in OF_STAGES[experiment].tables
        }
    if not EXPERIMENTS[experiment].interpolations:
        return {}
    return {"interpolations": f"{RESULTS}/flatness/{experiment}/interpolations.csv"}


def is_main(experiment, run):
    """Whether the run has the experiment's own dropout layer and mask mode.

    Where trainings with and without dropout are compared, it is one with dropout.
    """
    settings = EXPERIMENTS[experiment]
    own = settings.runs[run]
    if without_dropout(experiment, run) and not all(
        without_dropout(experiment, other) for other in settings.runs
    ):
        return False
    return (
        own.dropout_after in (None, settings.dropout.dropout_after)
    ) and own.mask_mode in (None, settings.dropout.mask_mode)


# By kind the experiments whose claims are about a table that they have as a whole.
CLAIMED_WHOLE = {}
for experiment in DESCRIPTION_OF_CLAIMED:
    for kind in tables_of_experiment(experiment):
        CLAIMED_WHOLE.setdefault(kind, []).append(experiment)


def run_of_claim(experiment, run):
    """What the claims know of one run."""
    settings = EXPERIMENTS[experiment]
    own = settings.runs[run]
    keep_prob = own.keep_prob
    return {
        "experiment": experiment,
        "name": run,
        "main": is_main(experiment, run),
        "plain": without_dropout(experiment, run),
        "kinds": sorted(tables_of_run(experiment, run)),
        "settings": {
            "keep_prob": min(keep_prob) if isinstance(keep_prob, list) else keep_prob,
            "learning_rate": own.learning_rate,
            "objective": own.objective,
            "penalty": own.penalty,
            "train_examples": own.train_examples or settings.data.train_examples,
        },
    }


def claimed_tables():
    """Paths of all tables by kind, in the order of the runs."""
    files = {}
    for experiment, run in CLAIMED_RUNS:
        for kind, path in tables_of_run(experiment, run).items():
            files.setdefault(kind, []).append(path)
    for kind, experiments in CLAIMED_WHOLE.items():
        files[kind] = [tables_of_experiment(name)[kind] for name in experiments]
    files["theory"] = [
        f"{RESULTS}/theory/{study}/{table}.csv" for study, table in CLAIMED_THEORY
    ]
    return files


# ---- figures

# The tables that each kind of figure draws; those behind "?" of the runs that have them.
TABLES_OF_FIGURE = {
    "variance_flatness": ["spectrum", "interval"],
    "projected_variance": ["projection"],
    "alignment_trace": ["alignment"],
    "alignment_cosine": ["alignment", "?baseline"],
    "slices": ["slices", "history"],
    "accuracies": ["history", "?translations"],
    "condensation_features": ["neurons", "function", "condensation", "examples"],
    "loss_histories": ["history"],
    "similarity_map": ["similarity"],
    "effective_ratios": ["condensation"],
    "test_error_grid": ["history"],
    "objectives_over_keep_prob": ["history"],
    "rate_against_penalty": ["history", "ratios"],
    "interpolations": [],
}

# Those that an experiment has as a whole.
WHOLE_TABLES_OF_FIGURE = {"interpolations": ["interpolations"]} | TABLES_OF_STAGE_FIGURE


def runs_of_figure(figure, experiment):
    """Names of the experiment's runs that the figure shows: those that it names, or all that have what it draws.

    They are sorted, as the keys of all settings are, so that each table finds its run.
    """
    needed = {table for table in TABLES_OF_FIGURE[figure.kind] if table[0] != "?"}
    runs = EXPERIMENTS[experiment].runs
    chosen = sorted(figure.runs or runs)
    return [
        run
        for run in chosen
        if run in runs and needed <= set(tables_of_run(experiment, run))
    ]


def figure_inputs(wildcards):
    """The tables of every run that a figure shows, in the order of its experiments and of their runs' names.

    A figure without experiments shows the theory table of its kind's name.
    """
    figure = FIGURES[wildcards.figure]
    if not figure.experiments:
        study = STUDY_OF_FIGURE[wildcards.figure]
        return {figure.kind: f"{RESULTS}/theory/{study}/{figure.kind}.csv"}
    shown = [
        tables_of_run(experiment, run)
        for experiment in figure.experiments
        if experiment in EXPERIMENTS
        for run in runs_of_figure(figure, experiment)
    ]
    tables = [table.lstrip("?") for table in TABLES_OF_FIGURE.get(figure.kind, [])]
    return (
        {table: [files[table] for files in shown if table in files] for table in tables}
        | {
            table: [tables_of_experiment(name)[table] for name in figure.experiments]
            for table in WHOLE_TABLES_OF_FIGURE.get(figure.kind, [])
        }
        | {"descriptions": [description_of(name) for name in figure.experiments]}
    )


def figure_settings(wildcards):
    """What the figure shows and says; nothing of how its numbers were measured."""
    figure = FIGURES[wildcards.figure]
    return plain(
        {
            "kind": figure.kind,
            "place": figure.place,
            "scale": USER.scale,
            "experiments": [
                experiment_of_figure(figure, name) for name in figure.experiments
            ],
        }
    )


# Kinds that tell runs apart by how their gradients' noise was made, or by the keep probability alone.
OF_NOISE = (
    "variance_flatness",
    "projected_variance",
    "alignment_trace",
    "alignment_cosine",
    "slices",
    "accuracies",
)


def run_of_figure(figure, experiment, name):
    """What a figure says of one run: where its noise is from, or what it descends."""
    run = experiment.runs[name]
    settings = {"keep_prob": run.keep_prob, "learning_rate": run.learning_rate}
    if figure.kind in OF_NOISE:
        return settings | {
            "dropout_after": run.dropout_after or experiment.dropout.dropout_after,
            "mask_mode": run.mask_mode or experiment.dropout.mask_mode,
        }
    return settings | {
        "objective": run.objective,
        "penalty": run.penalty,
        "start": run.start,
        "train_examples": run.train_examples or experiment.data.train_examples,
        "initial_scale": run.initial_scale
        or getattr(experiment.model, "initial_scale", None),
    }


def stage_experiment_of_figure(figure, name):
    """The part of ``figure_settings`` of an experiment of a stage."""
    experiment = OF_STAGES[name]
    runs = [
        run for run in sorted(figure.runs or experiment.runs) if run in experiment.runs
    ]
    return experiment.described | {
        "name": name,
        "seeds": experiment.seeds,
        "samples": None,
        "panels": figure.panels,
        "runs": {
            run: {
                key: getattr(experiment.runs[run], key)
                for key in ("keep_prob", "learning_rate")
            }
            for run in runs
        },
    }


def experiment_of_figure(figure, name):
    """One experiment's part of ``figure_settings``."""
    if name in OF_STAGES:
        return stage_experiment_of_figure(figure, name)
    experiment = EXPERIMENTS[name]
    samples = {
        "trajectory": experiment.training.trajectory_steps,
        "gradients": experiment.gradients and experiment.gradients.samples,
        None: experiment.alignment and experiment.alignment.samples,
    }[figure.sample]
    if figure.kind == "rate_against_penalty":
        samples = experiment.ratio.samples
    runs = runs_of_figure(figure, name)
    counts = {
        experiment.runs[run].train_examples or experiment.data.train_examples
        for run in runs
    }
    settings = {
        "name": name,
        "sample": figure.sample,
        "model": experiment.model.name,
        "seeds": experiment.seeds,
        "train_examples": (
            min(counts) if len(counts) == 1 else [min(counts), max(counts)]
        ),
        "samples": samples,
        "dropout": experiment.dropout,
        "runs": {run: run_of_figure(figure, experiment, run) for run in runs},
    }
    if figure.kind == "variance_flatness":
        settings["factor"] = experiment.flatness.factors[0]
    if figure.kind in ("alignment_cosine", "loss_histories", "test_error_grid"):
        settings["level"] = figure.level
    if figure.kind == "slices":
        settings |= {"rise": experiment.slices.rise, "loss": experiment.loss}
    if figure.kind in ("similarity_map", "effective_ratios"):
        settings["threshold"] = experiment.condensation.threshold
    if figure.kind == "objectives_over_keep_prob":
        settings["objectives"] = figure.objectives
    return settings


def code_of_figure(script, half):
    """The script and the module of the figure's kind, which the script imports by name."""

    return lambda wildcards: code_of(
        script, f"figures.{half}.{FIGURES[wildcards.figure].kind}"
    )


def collect_figures():
    """The drawing of every figure of the selected studies."""
    return [
        f"{RESULTS}/figures/{figure}.{ending}"
        for figure in FIGURES
        for ending in ("pdf", "png")
    ]
