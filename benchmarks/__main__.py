"""``python -m benchmarks``: the measurements beside their peers, or all, or those named.

A line says each row as soon as it is measured; the table stands at the end and in a file, with its environment.
"""

import argparse
import importlib
import json
from pathlib import Path

from benchmarks.harness import Row, environment, pace, print_table, write_table
from benchmarks.harness import threads as use_threads

DEFAULT = ("hessian", "eigenvalues", "gradients", "flatness")  # ten minutes together
MORE = ("products", "training", "two_layer", "equations", "subnetworks")
ON_REQUEST = ("reproduce", "dag")  # take minutes and a core or both
EVERY = DEFAULT + MORE + ON_REQUEST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(EVERY)}; without any {', '.join(DEFAULT)}"
    )
    parser.add_argument("--all", action="store_true", help=f"also {', '.join(MORE)}, an hour more")
    parser.add_argument("--examples", type=int, default=10_000, help="n of the promised ratios")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of every measurement")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="folder of the table")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(EVERY)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: write {', '.join(EVERY)}")
    table: list[Row] = []
    for name in arguments.names or DEFAULT + MORE * arguments.all:
        with use_threads(arguments.threads):
            print(f"\n{name} ({pace()})", flush=True)
        table += importlib.import_module(f"benchmarks.{name}").rows(n=arguments.examples, threads=arguments.threads)
    print()
    print_table(table)
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_table(table, arguments.output / "benchmarks.csv")
    (arguments.output / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n")
    print(f"\nWritten to {arguments.output}/benchmarks.csv")


if __name__ == "__main__":
    main()
