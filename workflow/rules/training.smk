rule training:
    """Train a run, all seeds together."""
    input:
        data=WORKFLOW.dataset,
        start=WORKFLOW.start,
    output:
        model=run_file("training", "model.safetensors"),
        trained=run_file("training", "trained.safetensors"),
        snapshots=run_file("training", "snapshots.safetensors"),
        trajectory=run_file("training", "trajectory.safetensors"),
        history=run_file("training", "history.csv"),
        predictions=run_file("training", "predictions.csv"),
        provenance=run_file("training", "provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("training"),
    params:
        settings=settings_of("training"),
    script:
        "../scripts/training.py"


rule training_translation:
    """Translate the first test sentences with a trained transformer."""
    input:
        model=run_file("training", "trained.safetensors"),
        data=WORKFLOW.dataset,
    output:
        translations=run_file("training", "translations.csv"),
        provenance=run_file("training", "translations.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("training_translation"),
    params:
        settings=settings_of("training_translation"),
    script:
        "../scripts/training_translation.py"
