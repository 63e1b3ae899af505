# Stage flatness: interval flatness along the principal directions of a run's samples; slices in random directions; the
# loss between end points of two runs.


rule flatness:
    input:
        model=of_run("training", "model.safetensors"),
        data=dataset_of,
        directions=of_run("noise", "directions.safetensors"),
        hessian=of_run("curvature", "hessian.safetensors"),
        code=code_of("flatness.py"),
        model_code=code_of_model,
    output:
        interval=of_run("flatness", "interval.csv"),
        provenance=of_run("flatness", "provenance.json"),
    log:
        f"{RESULTS}/logs/flatness/{{experiment}}/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/flatness/{{experiment}}/{{run}}.tsv"
    group:
        group_of("flatness")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("flatness"),
    params:
        settings=flatness_settings,
    script:
        "../scripts/flatness.py"


rule flatness_slices:
    input:
        model=of_run("training", "model.safetensors"),
        data=dataset_of,
        code=code_of("flatness_slices.py"),
        model_code=code_of_model,
    output:
        slices=of_run("flatness", "slices.csv"),
        slice_widths=of_run("flatness", "slice_widths.csv"),
        provenance=of_run("flatness", "slices.provenance.json"),
    log:
        f"{RESULTS}/logs/flatness/{{experiment}}/{{run}}-slices.log",
    benchmark:
        f"{RESULTS}/benchmarks/flatness/{{experiment}}/{{run}}-slices.tsv"
    group:
        group_of("flatness_slices")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("flatness_slices"),
    params:
        settings=lambda wildcards: some_of(
            run_of(wildcards), "data", "model", "loss", "label_smoothing", "seeds"
        )
        | plain(EXPERIMENTS[wildcards.experiment].slices),
    script:
        "../scripts/flatness_slices.py"


rule flatness_interpolations:
    input:
        models=interpolation_models,
        data=dataset_of,
        code=code_of("flatness_interpolations.py"),
        model_code=code_of_model,
    output:
        interpolations=f"{RESULTS}/flatness/{{experiment}}/interpolations.csv",
        provenance=f"{RESULTS}/flatness/{{experiment}}/interpolations.provenance.json",
    log:
        f"{RESULTS}/logs/flatness/{{experiment}}-interpolations.log",
    benchmark:
        f"{RESULTS}/benchmarks/flatness/{{experiment}}-interpolations.tsv"
    group:
        group_of("flatness_interpolations")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("flatness_interpolations"),
    params:
        settings=interpolation_settings,
        runs=interpolation_runs,
    script:
        "../scripts/flatness_interpolations.py"
