# The settings of each job as a file among its inputs; included last. Snakemake's own record of them is lost with a main
# process that is killed while its jobs are on a cluster, and with the folder .snakemake; what other settings made would
# pass for made.
import json


def settings_file(each):
    """An input of a rule: the file of its job's parameters."""
    files = {}

    def file(wildcards):
        job = "/".join([each.name, *wildcards])
        if job not in files:
            files[job] = kept(f".settings/{job}.json", lambda: text(wildcards))
        return files[job]

    def text(wildcards):
        values = {
            name: value(wildcards) if callable(value) else value
            for name, value in each.params.items()
        }
        return json.dumps(values, indent=1, sort_keys=True)

    return file


# Without a name: scripts that go through their inputs' names shall not meet it.
for each in workflow.rules:
    if each.params:
        each.set_input(settings_file(each))
