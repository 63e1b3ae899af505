"""``python -m benchmarks``: every benchmark, or those named; prints the table and writes it with its environment."""

import argparse
import importlib
import json
from pathlib import Path

from benchmarks.harness import Row, environment, pace, print_table, write_table
from benchmarks.harness import threads as use_threads

DEFAULT = (
    "hessian",
    "products",
    "eigenvalues",
    "gradients",
    "flatness",
    "training",
    "two_layer",
    "equations",
    "subnetworks",
)
ON_REQUEST = ("reproduce", "dag")  # take minutes and a core or both


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(DEFAULT + ON_REQUEST)}")
    parser.add_argument("--examples", type=int, default=10_000, help="n of the promised ratios")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of every measurement")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="folder of the table")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(DEFAULT + ON_REQUEST)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: write {', '.join(DEFAULT + ON_REQUEST)}")
    table: list[Row] = []
    for name in arguments.names or DEFAULT:
        measured = importlib.import_module(f"benchmarks.{name}").rows(n=arguments.examples, threads=arguments.threads)
        with use_threads(arguments.threads):
            print(f"\n{name} ({pace()})", flush=True)
        print_table(measured)
        table += measured
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_table(table, arguments.output / "benchmarks.csv")
    (arguments.output / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n")
    print(f"\nWritten to {arguments.output}/benchmarks.csv")


if __name__ == "__main__":
    main()
