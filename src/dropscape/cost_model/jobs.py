"""The jobs that a dry run of the workflow lists."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ListedJob:
    """One job; ``benchmark`` is the path of the file that records its time and memory, empty if there is none."""

    rule: str
    wildcards: dict[str, str]
    threads: int
    benchmark: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """The stage is what stands before the first underscore of its rules' names."""
        return self.rule.partition("_")[0]


def jobs_in(text: str) -> Iterator[ListedJob]:
    """The jobs in what ``snakemake --dry-run`` prints, but for rules that only collect.

    Those that share a submission are listed further to the right, below a line of their own.
    """
    for block in re.split(r"^ *(?:local)?(?:rule|checkpoint) ", text, flags=re.MULTILINE)[1:]:
        rule = block.partition(":")[0]
        fields = dict(re.findall(r"^ {4,}(\w+): (.*)$", block, flags=re.MULTILINE))
        if "output" in fields:
            wildcards = dict(pair.split("=", 1) for pair in fields.get("wildcards", "").split(", ") if pair)
            files = (tuple(fields.get(key, "").split(", ")) for key in ("input", "output"))
            yield ListedJob(rule, wildcards, int(fields.get("threads", 1)), fields.get("benchmark", ""), *files)
