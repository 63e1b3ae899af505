# Stage subnetworks: Algorithm 1 of paper D, an experiment a job, and its convolutional networks, those of a width a job.


rule subnetworks_distribution:
    input:
        code=code_of("subnetworks_distribution.py"),
    output:
        description=of_stage("subnetworks", "data.json"),
    log:
        f"{RESULTS}/logs/subnetworks/{{experiment}}-distribution.log",
    benchmark:
        f"{RESULTS}/benchmarks/subnetworks/{{experiment}}-distribution.tsv"
    wildcard_constraints:
        experiment=experiments_with("subnetworks", "errors"),
    group:
        group_of("subnetworks_distribution")
    conda:
        "../../envs/environment.yaml"
    resources:
        **asks_of("subnetworks_distribution"),
    params:
        settings=lambda wildcards: plain(OF_STAGES[wildcards.experiment].data),
    script:
        "../scripts/subnetworks_distribution.py"


rule subnetworks_two_layer:
    input:
        data=dataset_of,
        code=code_of("subnetworks_two_layer.py"),
    output:
        errors=of_stage("subnetworks", "errors.csv"),
        distances=of_stage("subnetworks", "distances.csv"),
        margins=of_stage("subnetworks", "margins.csv"),
        provenance=of_stage("subnetworks", "provenance.json"),
    log:
        f"{RESULTS}/logs/subnetworks/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/subnetworks/{{experiment}}.tsv"
    wildcard_constraints:
        experiment=experiments_with("subnetworks", "errors"),
    group:
        group_of("subnetworks_two_layer")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("subnetworks_two_layer"),
        checkpoint_ms=CHECKPOINT_MS,
    params:
        settings=lambda wildcards: plain(OF_STAGES[wildcards.experiment]),
    script:
        "../scripts/subnetworks_two_layer.py"


rule subnetworks_cnn:
    input:
        data=dataset_of,
        code=code_of("subnetworks_cnn.py"),
    output:
        accuracies=of_stage("subnetworks", "width{width}.csv"),
        provenance=of_stage("subnetworks", "width{width}.provenance.json"),
    log:
        f"{RESULTS}/logs/subnetworks/{{experiment}}-width{{width}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/subnetworks/{{experiment}}-width{{width}}.tsv"
    wildcard_constraints:
        experiment=experiments_with("subnetworks", "accuracies"),
        width=r"\d+",
    group:
        group_of("subnetworks_cnn")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("subnetworks_cnn"),
        checkpoint_ms=CHECKPOINT_MS,
    params:
        settings=lambda wildcards: plain(
            OF_STAGES[wildcards.experiment].model_dump()
            | {"widths": [int(wildcards.width)], "device": USER.device}
        ),
    script:
        "../scripts/subnetworks_cnn.py"


rule subnetworks_accuracies:
    input:
        accuracies=lambda wildcards: expand(
            of_stage("subnetworks", "width{width}.csv"),
            experiment=wildcards.experiment,
            width=OF_STAGES[wildcards.experiment].widths,
        ),
        code=code_of("subnetworks_accuracies.py"),
    output:
        accuracies=of_stage("subnetworks", "accuracies.csv"),
    log:
        f"{RESULTS}/logs/subnetworks/{{experiment}}-accuracies.log",
    benchmark:
        f"{RESULTS}/benchmarks/subnetworks/{{experiment}}-accuracies.tsv"
    wildcard_constraints:
        experiment=experiments_with("subnetworks", "accuracies"),
    group:
        group_of("subnetworks_accuracies")
    conda:
        "../../envs/environment.yaml"
    resources:
        **asks_of("subnetworks_accuracies"),
    script:
        "../scripts/subnetworks_accuracies.py"
