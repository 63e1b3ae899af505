# Stage data: a source in, a prepared dataset out.


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
