"""What a measurement has been checked against: numbers, their limits, and a verdict."""

import math
from dataclasses import dataclass

from dropscape.errors import CertificateError

PASSED, UNDECIDED, FAILED = "passed", "undecided", "failed"


@dataclass(frozen=True)
class Check:
    """One number that would be zero if the measurement were exact."""

    name: str
    value: float  # relative, as the name says to what
    limit: float  # what rounding may make of it
    error: float = 0.0  # how far the check itself may be off

    @property
    def verdict(self) -> str:
        """Passed, failed, or undecided where the check's own error hides the limit."""
        if self.value <= self.limit:
            return PASSED
        return FAILED if math.isnan(self.value) or self.value - self.error > self.limit else UNDECIDED


@dataclass(frozen=True)
class Certificate:
    """The checks of one measurement."""

    checks: tuple[Check, ...]
    examples: int  # how many of the examples they read

    @property
    def verdict(self) -> str:
        """The worst of the checks' verdicts."""
        verdicts = [check.verdict for check in self.checks]
        return next((word for word in (FAILED, UNDECIDED) if word in verdicts), PASSED)

    def record(self) -> dict[str, object]:
        """The certificate as a provenance file holds it."""
        checks = {check.name: {"value": check.value, "limit": check.limit} for check in self.checks}
        return {"verdict": self.verdict, "examples": self.examples, "checks": checks}

    def demand(self, what: str, cause: str = "") -> None:
        """Raise a CertificateError unless nothing failed; ``cause`` is a sentence on why it may have."""
        for check in self.checks:
            if check.verdict == FAILED:
                raise CertificateError(
                    f"{what} is wrong: {check.name} is {check.value:.2g}, where rounding explains {check.limit:.0e}"
                    f"{'; ' + cause if cause else ''}."
                )

    def __str__(self) -> str:
        """One line: the verdict and every number beside its limit."""
        numbers = ", ".join(f"{check.name} {check.value:.1e} (limit {check.limit:.0e})" for check in self.checks)
        return f"{self.verdict} on {self.examples} examples: {numbers}"
