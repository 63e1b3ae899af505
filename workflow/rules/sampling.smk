# Stage sampling: N gradients of the block at the end point of training, under fresh masks; the loss under such masks
# against its gradient.


rule sampling:
    input:
        model=of_run("training", "model.safetensors"),
        data=dataset_of,
        code=code_of("sampling.py"),
        model_code=code_of_model,
    output:
        gradients=of_run("sampling", "gradients.safetensors"),
        provenance=of_run("sampling", "provenance.json"),
    log:
        f"{RESULTS}/logs/sampling/{{experiment}}/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sampling/{{experiment}}/{{run}}.tsv"
    group:
        group_of("sampling")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("sampling"),
    params:
        settings=lambda wildcards: plain(
            run_of(wildcards)
            | {"samples": EXPERIMENTS[wildcards.experiment].gradients.samples}
        ),
    script:
        "../scripts/sampling.py"


rule sampling_ratio:
    input:
        model=of_run("training", "model.safetensors"),
        data=dataset_of,
        code=code_of("sampling_ratio.py"),
        model_code=code_of_model,
    output:
        ratios=of_run("sampling", "ratios.csv"),
        provenance=of_run("sampling", "ratios.provenance.json"),
    log:
        f"{RESULTS}/logs/sampling/{{experiment}}/{{run}}-ratio.log",
    benchmark:
        f"{RESULTS}/benchmarks/sampling/{{experiment}}/{{run}}-ratio.tsv"
    group:
        group_of("sampling_ratio")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("sampling_ratio"),
    params:
        settings=lambda wildcards: plain(
            run_of(wildcards)
            | {"samples": EXPERIMENTS[wildcards.experiment].ratio.samples}
        ),
    script:
        "../scripts/sampling_ratio.py"
