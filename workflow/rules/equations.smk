# Stage equations: dropout, its stochastic modified equations and descent on the modified loss; all trials of an
# experiment in one job.


rule equations:
    input:
        data=dataset_of,
        code=code_of("equations.py"),
    output:
        trajectories=of_stage("equations", "trajectories.csv"),
        divergences=of_stage("equations", "divergences.csv"),
        provenance=of_stage("equations", "provenance.json"),
    log:
        f"{RESULTS}/logs/equations/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/equations/{{experiment}}.tsv"
    wildcard_constraints:
        experiment=experiments_with("equations", "trajectories"),
    group:
        group_of("equations")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("equations"),
        checkpoint_ms=CHECKPOINT_MS,
    params:
        settings=lambda wildcards: equations_settings(wildcards, "trajectories"),
    script:
        "../scripts/equations.py"


rule equations_weak_errors:
    input:
        data=dataset_of,
        code=code_of("equations_weak_errors.py"),
    output:
        weak_errors=of_stage("equations", "weak_errors.csv"),
        provenance=of_stage("equations", "weak_errors.provenance.json"),
    log:
        f"{RESULTS}/logs/equations/{{experiment}}-weak-errors.log",
    benchmark:
        f"{RESULTS}/benchmarks/equations/{{experiment}}-weak-errors.tsv"
    wildcard_constraints:
        experiment=experiments_with("equations", "weak_errors"),
    group:
        group_of("equations_weak_errors")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("equations_weak_errors"),
        checkpoint_ms=CHECKPOINT_MS,
    params:
        settings=lambda wildcards: equations_settings(wildcards, "weak_errors"),
    script:
        "../scripts/equations_weak_errors.py"


rule equations_noises:
    input:
        data=dataset_of,
        code=code_of("equations_noises.py"),
    output:
        noises=of_stage("equations", "noises.csv"),
        provenance=of_stage("equations", "noises.provenance.json"),
    log:
        f"{RESULTS}/logs/equations/{{experiment}}-noises.log",
    benchmark:
        f"{RESULTS}/benchmarks/equations/{{experiment}}-noises.tsv"
    wildcard_constraints:
        experiment=experiments_with("equations", "noises"),
    group:
        group_of("equations_noises")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("equations_noises"),
        checkpoint_ms=CHECKPOINT_MS,
    params:
        settings=lambda wildcards: equations_settings(wildcards, "noises"),
    script:
        "../scripts/equations_noises.py"
