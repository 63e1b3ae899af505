# Stage training: every run's seeds together; model, snapshots, trajectory and history out.


rule training:
    input:
        data=dataset_of,
        start=start_of,
        code=code_of("training.py"),
        model_code=code_of_model,
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
    group:
        group_of("training")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("training"),
        checkpoint_ms=CHECKPOINT_MS,
    params:
        settings=training_settings,
    script:
        "../scripts/training.py"


rule training_translation:
    input:
        model=of_run("training", "model.safetensors"),
        data=dataset_of,
        code=code_of("training_translation.py"),
    output:
        translations=of_run("training", "translations.csv"),
        provenance=of_run("training", "translations.provenance.json"),
    log:
        f"{RESULTS}/logs/training/{{experiment}}/{{run}}-translation.log",
    benchmark:
        f"{RESULTS}/benchmarks/training/{{experiment}}/{{run}}-translation.tsv"
    group:
        group_of("training_translation")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("training_translation"),
    params:
        settings=lambda wildcards: some_of(run_of(wildcards), "data", "model", "seeds"),
    script:
        "../scripts/training_translation.py"
