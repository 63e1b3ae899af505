rule equations:
    """Simulate dropout, its stochastic modified equations and descent on L_S, all trials of an experiment at once."""
    input:
        data=WORKFLOW.dataset,
    output:
        trajectories=experiment_file("equations", "trajectories.csv"),
        divergences=experiment_file("equations", "divergences.csv"),
        matrices=experiment_file("equations", "matrices.csv"),
        merging=experiment_file("equations", "merging.csv"),
        provenance=experiment_file("equations", "provenance.json"),
    wildcard_constraints:
        experiment=experiments_with("equations"),
    threads: USER.threads
    resources:
        **resources_of("equations"),
    params:
        settings=settings_of("equations"),
    script:
        "../scripts/equations.py"


rule equations_weak_errors:
    """Measure how far the modified equations are from dropout in the mean of test functions."""
    input:
        data=WORKFLOW.dataset,
    output:
        weak_errors=experiment_file("equations", "weak_errors.csv"),
        few_trials=experiment_file("equations", "few_trials.csv"),
        provenance=experiment_file("equations", "weak_errors.provenance.json"),
    wildcard_constraints:
        experiment=experiments_with("equations_weak_errors"),
    threads: USER.threads
    resources:
        **resources_of("equations_weak_errors"),
    params:
        settings=settings_of("equations_weak_errors"),
    script:
        "../scripts/equations_weak_errors.py"


rule equations_noises:
    """Measure flatness along trainings with dropout, with batches, with noise on the parameters, and without any."""
    input:
        data=WORKFLOW.dataset,
    output:
        noises=experiment_file("equations", "noises.csv"),
        provenance=experiment_file("equations", "noises.provenance.json"),
    wildcard_constraints:
        experiment=experiments_with("equations_noises"),
    threads: USER.threads
    resources:
        **resources_of("equations_noises"),
    params:
        settings=settings_of("equations_noises"),
    script:
        "../scripts/equations_noises.py"
