# Stage data: a source in, a prepared dataset out.


rule data:
    input:
        code=code_of("data.py"),
    output:
        data=f"{RESULTS}/data/{{dataset}}.safetensors",
        description=f"{RESULTS}/data/{{dataset}}.json",
    log:
        f"{RESULTS}/logs/data/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/data/{{dataset}}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        settings=plain(
            {
                "source": USER.source,
                "directory": USER.directory if USER.source == "directory" else None,
                "download_cache": (
                    USER.download_cache if USER.source == "official" else None
                ),
            }
        ),
    script:
        "../scripts/data.py"
