rule flatness:
    """Find the interval flatness along the principal directions of a run's samples."""
    input:
        model=run_file("training", "model.safetensors"),
        data=WORKFLOW.dataset,
        directions=run_file("noise", "directions.safetensors"),
        hessian=run_file("curvature", "hessian.safetensors"),
    output:
        interval=run_file("flatness", "interval.csv"),
        provenance=run_file("flatness", "provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("flatness"),
    params:
        settings=settings_of("flatness"),
    script:
        "../scripts/flatness.py"


rule flatness_slices:
    """Slice the loss along random directions."""
    input:
        model=run_file("training", "trained.safetensors"),
        data=WORKFLOW.dataset,
    output:
        slices=run_file("flatness", "slices.csv"),
        slice_widths=run_file("flatness", "slice_widths.csv"),
        provenance=run_file("flatness", "slices.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("flatness_slices"),
    params:
        settings=settings_of("flatness_slices"),
    script:
        "../scripts/flatness_slices.py"


rule flatness_interpolations:
    """Follow the loss between the end points of two runs."""
    input:
        models=files_of_runs("flatness_interpolations", "training", "model.safetensors"),
        data=WORKFLOW.dataset,
    output:
        interpolations=experiment_file("flatness", "interpolations.csv"),
        provenance=experiment_file("flatness", "interpolations.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("flatness_interpolations"),
    params:
        settings=settings_of("flatness_interpolations"),
    script:
        "../scripts/flatness_interpolations.py"
