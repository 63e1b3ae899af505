"""Errors that a user can act on.

Every message is one sentence (or two) that names what is wrong, where it was set and what to write or do instead. The
workflow prints the message without a traceback; anything else is a defect of dropscape and keeps its traceback.
"""


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
