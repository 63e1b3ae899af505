# The settings of every job and, where they depend on the experiment, its inputs.
from dropscape.report.papers import category

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
        | {
            key: getattr(experiment.training, key)
            for key in ("flow_time", "trajectory_steps", "history_points")
        }
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
        run_of(wildcards), "data", "model", "loss", "block", "seeds"
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
    name: FIGURES[f"{claim.study}-{claim.figure}"].experiment if claim.figure else None
    for name, claim in CLAIMS.items()
}

CLAIMED_RUNS = [
    (experiment, run)
    for experiment, run in RUNS
    if experiment in EXPERIMENT_OF_CLAIM.values()
]

CLAIMED_THEORY = sorted({claim.study for claim in CLAIMS.values() if not claim.figure})


def tables_of_run(experiment, run):
    """File of each table that a run has, by its kind."""
    settings = EXPERIMENTS[experiment]
    files = {}
    if settings.alignment:
        files["alignment"] = "noise"
    if settings.flatness:
        files |= {"interval": "flatness", "spectrum": "noise"}
    if settings.gradients:
        files["projection"] = "noise"
        if settings.alignment and settings.alignment.baseline_samples:
            files["baseline"] = "noise"
    return {
        kind: f"{RESULTS}/{stage}/{experiment}/{run}/{kind}.csv"
        for kind, stage in files.items()
    }


def is_main(experiment, run):
    """Whether the run has the experiment's own dropout layer and mask mode."""
    settings = EXPERIMENTS[experiment]
    own = settings.runs[run]
    return (
        own.dropout_after in (None, settings.dropout.dropout_after)
    ) and own.mask_mode in (None, settings.dropout.mask_mode)


def claimed_tables():
    """Paths of all tables by kind, in the order of the runs."""
    files = {}
    for experiment, run in CLAIMED_RUNS:
        for kind, path in tables_of_run(experiment, run).items():
            files.setdefault(kind, []).append(path)
    files["theory"] = [f"{RESULTS}/theory/{study}.csv" for study in CLAIMED_THEORY]
    return files


# ---- figures


def figure_inputs(wildcards):
    """The tables of every run that a figure shows, in the order of the runs' names."""
    figure = FIGURES[wildcards.figure]
    experiment = EXPERIMENTS[figure.experiment]
    tables = {
        "variance_flatness": {"spectrum": "noise", "interval": "flatness"},
        "projected_variance": {"projection": "noise"},
        "alignment_trace": {"alignment": "noise"},
        "alignment_cosine": {"alignment": "noise", "baseline": "noise"},
    }[figure.kind]
    if not (
        experiment.gradients
        and experiment.alignment
        and experiment.alignment.baseline_samples
    ):
        tables = {name: stage for name, stage in tables.items() if name != "baseline"}
    return {
        name: [
            f"{RESULTS}/{stage}/{figure.experiment}/{run}/{name}.csv"
            for run in sorted(experiment.runs)
        ]
        for name, stage in tables.items()
    } | {"description": f"{RESULTS}/data/{experiment.data.dataset}.json"}


def figure_settings(wildcards):
    """What the figure shows and says; nothing of how its numbers were measured."""
    figure = FIGURES[wildcards.figure]
    experiment = EXPERIMENTS[figure.experiment]
    samples = {
        "trajectory": experiment.training.trajectory_steps,
        "gradients": experiment.gradients and experiment.gradients.samples,
        None: experiment.alignment and experiment.alignment.samples,
    }[figure.sample]
    settings = plain(figure) | {
        "scale": USER.scale,
        "seeds": experiment.seeds,
        "train_examples": experiment.data.train_examples,
        "samples": samples,
        "dropout": experiment.dropout,
        "runs": {
            name: {
                "keep_prob": run.keep_prob,
                "learning_rate": run.learning_rate,
                "dropout_after": run.dropout_after or experiment.dropout.dropout_after,
                "mask_mode": run.mask_mode or experiment.dropout.mask_mode,
            }
            for name, run in experiment.runs.items()
        },
    }
    if figure.kind == "variance_flatness":
        settings["factor"] = experiment.flatness.factors[0]
    return plain(settings)


def code_of_figure(script, half):
    """The script and the module of the figure's kind, which the script imports by name."""

    def code(wildcards):
        kind = FIGURES[wildcards.figure].kind
        imported_by_name = code_of(ROOT / f"src/dropscape/figures/{half}/{kind}.py")
        return list(dict.fromkeys(code_of(script) + imported_by_name))

    return code


def collect_figures():
    """The drawing of every figure of the selected studies."""
    return [
        f"{RESULTS}/figures/{figure}.{ending}"
        for figure in FIGURES
        for ending in ("pdf", "png")
    ]
