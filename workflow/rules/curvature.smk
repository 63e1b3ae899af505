rule curvature:
    """Take all eigenpairs of the block's Hessian at the end point of training."""
    input:
        model=run_file("training", "model.safetensors"),
        data=WORKFLOW.dataset,
    output:
        hessian=run_file("curvature", "hessian.safetensors"),
        summary=run_file("curvature", "summary.csv"),
        provenance=run_file("curvature", "provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("curvature"),
    params:
        settings=settings_of("curvature"),
    script:
        "../scripts/curvature.py"


rule curvature_sharpness:
    """Take the sharpest curvature along training."""
    input:
        snapshots=files_of_runs("curvature_sharpness", "training", "snapshots.safetensors"),
        data=WORKFLOW.dataset,
    output:
        sharpness=experiment_file("curvature", "sharpness.csv"),
        provenance=experiment_file("curvature", "sharpness.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("curvature_sharpness"),
    params:
        settings=settings_of("curvature_sharpness"),
    script:
        "../scripts/curvature_sharpness.py"
