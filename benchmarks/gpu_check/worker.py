"""A process of its own that trains the small network each time it is sent a line, and says how long that took.

It says 0 when it is ready.
"""

import sys


def main() -> None:
    from benchmarks.gpu_check.examples import stacked, trained, with_steps
    from benchmarks.gpu_check.machine import Machine

    steps, machine = int(sys.argv[1]), Machine("--quick" in sys.argv)
    config, examples = stacked(machine, steps)
    trained(with_steps(config, min(steps, 100)), examples)
    print(0, flush=True)
    for _ in sys.stdin:
        print(machine.once(lambda: trained(config, examples)), flush=True)


if __name__ == "__main__":
    if "--pretended" in sys.argv:
        from tests.gpu import guard

        guard.load()
        from tests.gpu.pretended import pretended

        with pretended():
            main()
    else:
        main()
