"""What can go wrong, by what the caller must do next: the same kinds as the job's exit codes."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BugError",
    "CohortError",
    "DataError",
    "DeniedError",
    "ManifestError",
    "NoInputError",
    "TemporaryError",
    "UsageError",
]


class CohortError(Exception):
    """Any failure of this package."""

    #: The exit code with which the job ends after such a failure.
    exit_code: ClassVar[int] = 70
    #: Whether trying again, with nothing changed, may succeed.
    retryable: ClassVar[bool] = False


class UsageError(CohortError, ValueError):
    """The arguments are wrong: correct the call."""

    exit_code = 2


class DataError(CohortError):
    """The rows are at fault: a missing column, too many rejected rows, a sum that is too large."""

    exit_code = 65


class NoInputError(CohortError):
    """An input does not exist."""

    exit_code = 66


class BugError(CohortError):
    """This package is at fault; a panic of the kernel ends here."""

    exit_code = 70


class TemporaryError(CohortError):
    """Storage was unavailable, or another run of the same `run_id` won: try again."""

    exit_code = 75
    retryable = True


class DeniedError(CohortError):
    """Access was denied."""

    exit_code = 77


class ManifestError(CohortError):
    """The run manifest is at fault."""

    exit_code = 78
