# The settings of every job up to the tables and, where they depend on the experiment, its inputs.
from dropscape.config.of_run import training_settings as of_training

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
    return plain(of_training(experiment, wildcards.run, USER.device))


def start_of(wildcards):
    """The end point of the run at which this one starts, if it does."""
    start = EXPERIMENTS[wildcards.experiment].runs[wildcards.run].start
    if start is None:
        return []
    return of_run("training", "model.safetensors").format(
        experiment=wildcards.experiment, run=start
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


def interpolation_runs(wildcards):
    """The runs whose end points are joined, each once."""
    pairs = EXPERIMENTS[wildcards.experiment].interpolations.pairs
    return sorted({run for pair in pairs for run in pair})


def interpolation_models(wildcards):
    """The end point of each of these runs."""
    path = of_run("training", "model.safetensors")
    return [
        path.format(experiment=wildcards.experiment, run=run)
        for run in interpolation_runs(wildcards)
    ]


def interpolation_settings(wildcards):
    """What decides the losses between end points; the runs of a pair share data and network."""
    interpolations = EXPERIMENTS[wildcards.experiment].interpolations
    first = settings_of_run(wildcards.experiment, interpolations.pairs[0][0])
    return some_of(first, "data", "model", "loss", "label_smoothing", "seeds") | plain(
        interpolations
    )


# ---- condensation


def condensation_settings(wildcards):
    """What is looked at, and nothing that the training alone decides."""
    condensation = EXPERIMENTS[wildcards.experiment].condensation
    return some_of(run_of(wildcards), "data", "model", "seeds") | some_of(
        condensation.model_dump(), "layers", "threshold", "interval"
    )


# ---- equations


def equations_settings(wildcards, section):
    """What decides one section's table of an experiment on the equations."""
    experiment = OF_STAGES[wildcards.experiment]
    own = experiment.model_dump()
    return some_of(own, "data", "model", "loss", "seeds") | plain(
        own[section] | {"device": USER.device}
    )
