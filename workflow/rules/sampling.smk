rule sampling:
    """Sample the block's gradient under fresh masks at the end point of training."""
    input:
        model=run_file("training", "model.safetensors"),
        data=WORKFLOW.dataset,
    output:
        gradients=run_file("sampling", "gradients.safetensors"),
        provenance=run_file("sampling", "provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("sampling"),
    params:
        settings=settings_of("sampling"),
    script:
        "../scripts/sampling.py"


rule sampling_ratio:
    """Compare the loss under fresh masks with its gradient."""
    input:
        model=run_file("training", "model.safetensors"),
        data=WORKFLOW.dataset,
    output:
        ratios=run_file("sampling", "ratios.csv"),
        provenance=run_file("sampling", "ratios.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("sampling_ratio"),
    params:
        settings=settings_of("sampling_ratio"),
    script:
        "../scripts/sampling_ratio.py"
