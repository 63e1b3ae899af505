# The settings of every job and, where they depend on the experiment, its inputs.
from dropscape.report.papers import category

# ---- data


def data_settings(wildcards):
    """Where the dataset comes from, and nothing that its source does not read."""
    function = USER.datasets.get(wildcards.dataset)
    source = None if function else USER.source_of(wildcards.dataset)
    own = Path(USER.directory or "") / wildcards.dataset
    return plain(
        {
            "function": function,
            "source": source,
            "directory": (
                (str(own) if own.is_dir() else USER.directory)
                if source == "directory"
                else None
            ),
            "download_cache": USER.download_cache if source == "official" else None,
        }
    )


# ---- training


def training_settings(wildcards):
    """What decides a training, and nothing else."""
    experiment = EXPERIMENTS[wildcards.experiment]
    return plain(
        run_of(wildcards)
        | {
            "learning_rate": experiment.runs[wildcards.run].learning_rate,
            "recorded_steps": (
                experiment.alignment.recorded_steps if experiment.alignment else 1
            ),
        }
        | experiment.training.model_dump()
    )


# ---- noise


def samples_of(wildcards):
    """File of each sample of the noise that the experiment takes, by its name."""
    experiment = EXPERIMENTS[wildcards.experiment]
    files = {}
    if experiment.training.trajectory_steps:
        files["trajectory"] = of_run("training", "trajectory.safetensors")
    if experiment.gradients:
        files["gradients"] = of_run("sampling", "gradients.safetensors")
    return {sample: path.format(**wildcards) for sample, path in files.items()}


def alignment_settings(wildcards):
    """The run's dropout, or for trainings without dropout the tentative one."""
    alignment = EXPERIMENTS[wildcards.experiment].alignment
    run = run_of(wildcards)
    return plain(
        {key: value for key, value in run.items() if key != "keep_prob"}
        | {
            "samples": alignment.samples,
            "keep_probs": alignment.keep_probs or [run["keep_prob"]],
        }
    )


# ---- flatness


def flatness_settings(wildcards):
    """The measurement's own settings; the run's dropout and learning rate do not enter."""
    flatness = EXPERIMENTS[wildcards.experiment].flatness
    return some_of(
        run_of(wildcards), "data", "model", "loss", "label_smoothing", "block", "seeds"
    ) | plain(
        {
            "samples": sorted(samples_of(wildcards)),
            "factors": flatness.factors,
            "max_width": flatness.max_width,
        }
    )


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

CLAIMED_RUNS = [
    (experiment, run)
    for experiment, run in RUNS
    if experiment in EXPERIMENT_OF_CLAIM.values()
]

DATASET_OF_CLAIMED = {
    experiment: EXPERIMENTS[experiment].data.dataset for experiment, _ in CLAIMED_RUNS
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
    return keep_prob == 1


def tables_of_run(experiment, run):
    """File of each table that a run has, by its kind."""
    settings = EXPERIMENTS[experiment]
    noisy = not without_dropout(experiment, run)
    files = {"history": "training"}
    if settings.model.name == "transformer":
        files["translations"] = "training"
    if settings.slices:
        files |= {"slices": "flatness", "slice_widths": "flatness"}
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


def is_main(experiment, run):
    """Whether the run has the experiment's own dropout layer and mask mode.

    Where trainings with and without dropout are compared, it is one with dropout.
    """
    settings = EXPERIMENTS[experiment]
    own = settings.runs[run]
    if own.keep_prob == 1 and any(
        other.keep_prob != 1 for other in settings.runs.values()
    ):
        return False
    return (
        own.dropout_after in (None, settings.dropout.dropout_after)
    ) and own.mask_mode in (None, settings.dropout.mask_mode)


def claimed_tables():
    """Paths of all tables by kind, in the order of the runs."""
    files = {}
    for experiment, run in CLAIMED_RUNS:
        for kind, path in tables_of_run(experiment, run).items():
            files.setdefault(kind, []).append(path)
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
}


def runs_of_figure(figure, experiment):
    """Names of the experiment's runs that have what the figure draws."""
    needed = {table for table in TABLES_OF_FIGURE[figure.kind] if table[0] != "?"}
    runs = sorted(EXPERIMENTS[experiment].runs)
    return [run for run in runs if needed <= set(tables_of_run(experiment, run))]


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
        for run in runs_of_figure(figure, experiment)
    ]
    tables = [table.lstrip("?") for table in TABLES_OF_FIGURE[figure.kind]]
    return {
        table: [files[table] for files in shown if table in files] for table in tables
    } | {
        "descriptions": [
            f"{RESULTS}/data/{EXPERIMENTS[experiment].data.dataset}.json"
            for experiment in figure.experiments
        ]
    }


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


def experiment_of_figure(figure, name):
    """One experiment's part of ``figure_settings``."""
    experiment = EXPERIMENTS[name]
    samples = {
        "trajectory": experiment.training.trajectory_steps,
        "gradients": experiment.gradients and experiment.gradients.samples,
        None: experiment.alignment and experiment.alignment.samples,
    }[figure.sample]
    settings = {
        "name": name,
        "sample": figure.sample,
        "model": experiment.model.name,
        "seeds": experiment.seeds,
        "train_examples": experiment.data.train_examples,
        "samples": samples,
        "dropout": experiment.dropout,
        "runs": {
            run: {
                "keep_prob": experiment.runs[run].keep_prob,
                "learning_rate": experiment.runs[run].learning_rate,
                "dropout_after": experiment.runs[run].dropout_after
                or experiment.dropout.dropout_after,
                "mask_mode": experiment.runs[run].mask_mode
                or experiment.dropout.mask_mode,
            }
            for run in runs_of_figure(figure, name)
        },
    }
    if figure.kind == "variance_flatness":
        settings["factor"] = experiment.flatness.factors[0]
    if figure.kind == "alignment_cosine":
        settings["level"] = figure.level
    if figure.kind == "slices":
        settings["rise"] = experiment.slices.rise
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
