"""Known vulnerabilities of the pinned packages: an error where there is one, a sentence where nobody can be asked.

``make audit`` (and ``make lint``) runs it. pip-audit gets an environment of its own, so that what it needs is not
pinned with what is audited.
"""

import json
import subprocess
import sys
from pathlib import Path

TOOL = "pip-audit==2.10.1"
ENVIRONMENT = Path(".venv/audit")
PINS = (*(Path(f"envs/{name}.lock") for name in ("torch", "runtime", "test")), Path("benchmarks/requirements.txt"))
SECONDS = 300  # for either command


def main() -> int:
    """Install pip-audit where it is missing, and print what it finds; 1 if that is a vulnerability."""
    tool = ENVIRONMENT / "bin/pip-audit"
    try:
        if not tool.exists():
            run(sys.executable, "-m", "venv", ENVIRONMENT)
            run(ENVIRONMENT / "bin/python", "-m", "pip", "install", "--quiet", TOOL)
        pins = [word for path in PINS for word in ("--requirement", path)]
        done = run(tool, *pins, "--no-deps", "--disable-pip", "--format", "json", check=False)
        report = json.loads(done.stdout)
    except (subprocess.SubprocessError, json.JSONDecodeError):
        print("The pinned packages were not audited: what is known of them cannot be reached from here.")
        return 0
    status, said = verdict(report["dependencies"])
    print(said)
    return status


def run(*command: object, check: bool = True) -> subprocess.CompletedProcess:
    """A finished command with what it printed."""
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=check, timeout=SECONDS)


def verdict(packages: list[dict]) -> tuple[int, str]:
    """The exit status and what is said of the packages that pip-audit reports on."""
    found = [
        f"{package['name']} {package['version']}: {known['id']}, mended in {' '.join(known['fix_versions']) or 'none'}"
        for package in packages
        for known in package.get("vulns", [])
    ]
    unknown = sum("skip_reason" in package for package in packages)
    audited = len(packages) - unknown
    said = f"Of {len(packages)} pinned packages {audited} were audited, {len(found)} vulnerabilities known."
    if found:
        said += f" Bound them in pyproject.toml, or write others into {PINS[-1]}, and run make lock UPGRADE=1:"
    return bool(found), "\n".join([said, *found])


if __name__ == "__main__":
    sys.exit(main())
