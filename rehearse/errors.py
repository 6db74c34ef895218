"""Errors that a user can act on: one line that names the thing and the remedy.

The command line prints these without a traceback (``--debug`` shows it) and exits with the error's ``exit_code``:
1 when the work was tried and failed, 2 when it could not be started.
"""


class RehearseError(Exception):
    """Base of every error that Rehearse raises on purpose."""

    exit_code = 2


class ConfigError(RehearseError):
    """A setting, name or argument that does not exist or does not fit the others."""


class DataError(RehearseError):
    """A dataset, video or array that is missing, damaged or of the wrong shape."""


class CheckpointError(RehearseError):
    """A checkpoint that is missing, damaged, of another model, or could not be written."""


class SetupError(RehearseError):
    """Something that the machine lacks: a graphics library, an optional package, disk space."""
