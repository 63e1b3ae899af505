# Stage sampling: N gradients of the block at the end point of training, under fresh masks.


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
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    params:
        settings=lambda wildcards: plain(
            run_of(wildcards)
            | {"samples": EXPERIMENTS[wildcards.experiment].gradients.samples}
        ),
    script:
        "../scripts/sampling.py"
