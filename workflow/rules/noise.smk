# Stage noise: principal directions, projected variances and alignment of a run's samples.


rule noise_spectrum:
    input:
        unpack(samples_of),
        code=code_of("noise_spectrum.py"),
    output:
        spectrum=of_run("noise", "spectrum.csv"),
        directions=of_run("noise", "directions.safetensors"),
        provenance=of_run("noise", "spectrum.provenance.json"),
    log:
        f"{RESULTS}/logs/noise/{{experiment}}/{{run}}-spectrum.log",
    benchmark:
        f"{RESULTS}/benchmarks/noise/{{experiment}}/{{run}}-spectrum.tsv"
    group:
        group_of("noise_spectrum")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("noise_spectrum"),
    params:
        settings=lambda wildcards: some_of(run_of(wildcards), "seeds")
        | {"directions": EXPERIMENTS[wildcards.experiment].flatness.directions},
    script:
        "../scripts/noise_spectrum.py"


rule noise_projection:
    input:
        unpack(samples_of),
        hessian=of_run("curvature", "hessian.safetensors"),
        code=code_of("noise_projection.py"),
    output:
        projection=of_run("noise", "projection.csv"),
        provenance=of_run("noise", "projection.provenance.json"),
    log:
        f"{RESULTS}/logs/noise/{{experiment}}/{{run}}-projection.log",
    benchmark:
        f"{RESULTS}/benchmarks/noise/{{experiment}}/{{run}}-projection.tsv"
    group:
        group_of("noise_projection")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("noise_projection"),
    params:
        settings=lambda wildcards: some_of(run_of(wildcards), "seeds"),
    script:
        "../scripts/noise_projection.py"


rule noise_alignment:
    input:
        snapshots=of_run("training", "snapshots.safetensors"),
        data=dataset_of,
        code=code_of("noise_alignment.py"),
        model_code=code_of_model,
    output:
        alignment=of_run("noise", "alignment.csv"),
        provenance=of_run("noise", "alignment.provenance.json"),
    log:
        f"{RESULTS}/logs/noise/{{experiment}}/{{run}}-alignment.log",
    benchmark:
        f"{RESULTS}/benchmarks/noise/{{experiment}}/{{run}}-alignment.tsv"
    group:
        group_of("noise_alignment")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("noise_alignment"),
    params:
        settings=alignment_settings,
    script:
        "../scripts/noise_alignment.py"


rule noise_baseline:
    input:
        hessian=of_run("curvature", "hessian.safetensors"),
        spectrum=of_run("noise", "spectrum.csv"),
        code=code_of("noise_baseline.py"),
    output:
        baseline=of_run("noise", "baseline.csv"),
        provenance=of_run("noise", "baseline.provenance.json"),
    log:
        f"{RESULTS}/logs/noise/{{experiment}}/{{run}}-baseline.log",
    benchmark:
        f"{RESULTS}/benchmarks/noise/{{experiment}}/{{run}}-baseline.tsv"
    group:
        group_of("noise_baseline")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("noise_baseline"),
    params:
        settings=lambda wildcards: some_of(run_of(wildcards), "seeds")
        | {
            "baseline_samples": EXPERIMENTS[
                wildcards.experiment
            ].alignment.baseline_samples
        },
    script:
        "../scripts/noise_baseline.py"
