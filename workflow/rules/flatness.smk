# Stage flatness: interval flatness along the principal directions of a run's samples.


rule flatness:
    input:
        model=of_run("training", "model.safetensors"),
        data=dataset_of,
        directions=of_run("noise", "directions.safetensors"),
        hessian=of_run("curvature", "hessian.safetensors"),
        code=code_of("flatness.py"),
    output:
        interval=of_run("flatness", "interval.csv"),
        provenance=of_run("flatness", "provenance.json"),
    log:
        f"{RESULTS}/logs/flatness/{{experiment}}/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/flatness/{{experiment}}/{{run}}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    params:
        settings=flatness_settings,
    script:
        "../scripts/flatness.py"
