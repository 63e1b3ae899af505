rule data:
    """Prepare a dataset from its source."""
    output:
        data=PATHS.dataset("{dataset}", "safetensors"),
        description=PATHS.dataset("{dataset}", "json"),
    # A download needs the network, which the nodes of a cluster often lack.
    localrule: True
    params:
        settings=settings_of("data"),
    script:
        "../scripts/data.py"
