# Stage subnetworks: Algorithm 1 of paper D, an experiment a job, and its convolutional networks, those of a width a job.


rule subnetworks_distribution:
    output:
        description=experiment_file("subnetworks", "data.json"),
    wildcard_constraints:
        experiment=experiments_with("subnetworks_distribution"),
    resources:
        **resources_of("subnetworks_distribution"),
    params:
        settings=settings_of("subnetworks_distribution"),
    script:
        "../scripts/subnetworks_distribution.py"


rule subnetworks_two_layer:
    input:
        data=WORKFLOW.dataset,
    output:
        errors=experiment_file("subnetworks", "errors.csv"),
        distances=experiment_file("subnetworks", "distances.csv"),
        margins=experiment_file("subnetworks", "margins.csv"),
        provenance=experiment_file("subnetworks", "provenance.json"),
    wildcard_constraints:
        experiment=experiments_with("subnetworks_two_layer"),
    threads: USER.threads
    resources:
        **resources_of("subnetworks_two_layer"),
    params:
        settings=settings_of("subnetworks_two_layer"),
    script:
        "../scripts/subnetworks_two_layer.py"


rule subnetworks_cnn:
    input:
        data=WORKFLOW.dataset,
    output:
        accuracies=experiment_file("subnetworks", "width{width}.csv"),
        provenance=experiment_file("subnetworks", "width{width}.provenance.json"),
    wildcard_constraints:
        experiment=experiments_with("subnetworks_accuracies"),
        width=r"\d+",
    threads: USER.threads
    resources:
        **resources_of("subnetworks_cnn"),
    params:
        settings=settings_of("subnetworks_cnn"),
    script:
        "../scripts/subnetworks_cnn.py"


rule subnetworks_accuracies:
    input:
        accuracies=lambda wildcards: expand(
            experiment_file("subnetworks", "width{width}.csv"),
            experiment=wildcards.experiment,
            width=WORKFLOW.experiments[wildcards.experiment].settings.widths,
        ),
    output:
        accuracies=experiment_file("subnetworks", "accuracies.csv"),
    wildcard_constraints:
        experiment=experiments_with("subnetworks_accuracies"),
    resources:
        **resources_of("subnetworks_accuracies"),
    script:
        "../scripts/subnetworks_accuracies.py"
