rule subnetworks_distribution:
    """Describe the generated examples of paper D."""
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
    """Run Algorithm 1 of paper D, an experiment a job."""
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
    """Train paper D's convolutional networks of one width and test their sub-networks."""
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
    """Join the accuracies of all widths."""
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
