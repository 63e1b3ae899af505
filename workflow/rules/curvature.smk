# Stage curvature: all eigenpairs of the block's Hessian at the end point of training.


rule curvature:
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
