"""Errors that a user can act on.

Every message is one sentence (or two) that names what is wrong, where it was set and what to write or do instead. The
workflow prints the message without a traceback; anything else is a defect of dropscape and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class DropscapeError(Exception):
    """Base of every error that a user can act on."""


class ConfigurationError(DropscapeError):
    """The configuration names something that does not exist or cannot work."""


class DataError(DropscapeError):
    """Data is missing, damaged, too small or not what it claims to be."""


class ArtifactError(DropscapeError):
    """A file that an earlier stage wrote is incomplete or cannot be read."""


class DeviceError(DropscapeError):
    """The device that was asked for is not there."""


class DivergenceError(DropscapeError):
    """A training left the finite numbers."""


class RandomObjectiveError(DropscapeError):
    """A measurement was asked of a loss that changes from call to call."""


class CertificateError(DropscapeError):
    """A measurement disagrees with what it was checked against."""


def suggested(word: str, known: Iterable[str]) -> str:
    """Say what to write instead of an unknown word: the nearest known one, or, if none is near, one of all."""
    known = list(known)
    nearest = difflib.get_close_matches(word, known, 1)
    return (f"{nearest[0]}, or " if nearest else "") + f"one of {', '.join(known)}"
