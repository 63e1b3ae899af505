# Stage curvature: all eigenpairs of the block's Hessian at the end point of training.


rule curvature:
    input:
        model=of_run("training", "model.safetensors"),
        data=dataset_of,
        code=code_of("curvature.py"),
        model_code=code_of_model,
    output:
        hessian=of_run("curvature", "hessian.safetensors"),
        summary=of_run("curvature", "summary.csv"),
        provenance=of_run("curvature", "provenance.json"),
    log:
        f"{RESULTS}/logs/curvature/{{experiment}}/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/curvature/{{experiment}}/{{run}}.tsv"
    group:
        group_of("curvature")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("curvature"),
    params:
        settings=lambda wildcards: some_of(
            run_of(wildcards),
            "data",
            "model",
            "loss",
            "label_smoothing",
            "block",
            "seeds",
        ),
    script:
        "../scripts/curvature.py"
