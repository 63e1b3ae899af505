# Stage data: a source in, a prepared dataset out; a run's training examples as a table where they are one-dimensional.


rule data:
    input:
        code=code_of("data.py"),
        dataset_code=code_of_dataset,
    output:
        data=f"{RESULTS}/data/{{dataset}}.safetensors",
        description=f"{RESULTS}/data/{{dataset}}.json",
    log:
        f"{RESULTS}/logs/data/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/data/{{dataset}}.tsv"
    # A download needs the network, which the nodes of a cluster often lack.
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        settings=data_settings,
    script:
        "../scripts/data.py"


rule data_examples:
    input:
        data=dataset_of,
        code=code_of("data_examples.py"),
    output:
        examples=of_run("data", "examples.csv"),
        provenance=of_run("data", "examples.provenance.json"),
    log:
        f"{RESULTS}/logs/data/{{experiment}}/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/data/{{experiment}}/{{run}}.tsv"
    group:
        group_of("data_examples")
    conda:
        "../../envs/environment.yaml"
    resources:
        **asks_of("data_examples"),
    params:
        settings=lambda wildcards: some_of(run_of(wildcards), "data"),
    script:
        "../scripts/data_examples.py"
