# Stage condensation: orientations of a run's neurons along training, and the function of a one-dimensional network.


rule condensation:
    input:
        data=dataset_of,
        snapshots=of_run("training", "snapshots.safetensors"),
        code=code_of("condensation.py"),
    output:
        condensation=of_run("condensation", "condensation.csv"),
        neurons=of_run("condensation", "neurons.csv"),
        function=of_run("condensation", "function.csv"),
        similarity=of_run("condensation", "similarity.csv"),
        examples=of_run("condensation", "examples.csv"),
        provenance=of_run("condensation", "provenance.json"),
    log:
        f"{RESULTS}/logs/condensation/{{experiment}}/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/condensation/{{experiment}}/{{run}}.tsv"
    group:
        group_of("condensation")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("condensation"),
    params:
        settings=condensation_settings,
    script:
        "../scripts/condensation.py"
