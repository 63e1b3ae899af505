"""``dropscape gpu-check``."""

import subprocess
import sys

import click

from dropscape.commands.repository import enter


@click.command("gpu-check")
def command() -> int:
    """Say whether this machine's GPU computes what the processor does, and how fast, in 9 minutes."""
    return subprocess.run([sys.executable, "-m", "benchmarks.gpu_check"], cwd=enter()).returncode
