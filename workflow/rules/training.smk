# Stage training: every run's seeds together; model, snapshots, trajectory and history out.


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


rule training:
    input:
        data=dataset_of,
        code=code_of("training.py"),
    output:
        model=of_run("training", "model.safetensors"),
        snapshots=of_run("training", "snapshots.safetensors"),
        trajectory=of_run("training", "trajectory.safetensors"),
        history=of_run("training", "history.csv"),
        provenance=of_run("training", "provenance.json"),
    log:
        f"{RESULTS}/logs/training/{{experiment}}/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/training/{{experiment}}/{{run}}.tsv"
    threads: USER.threads
    # Not a parameter: how often the state is saved must not decide whether a training is redone.
    resources:
        checkpoint_seconds=str(USER.checkpoint_seconds),
    params:
        settings=training_settings,
    script:
        "../scripts/training.py"


def collect_training():
    """The models of every run."""
    return [
        f"{RESULTS}/training/{experiment}/{run}/model.safetensors"
        for experiment, run in RUNS
    ]
