"""What Spark, Hadoop and the system say went wrong, as one of the kinds of the exit codes."""

from __future__ import annotations

import errno
import re

from cohort_events import errors
from cohort_events._places import CONTROL
from cohort_events.errors import (
    BugError,
    CohortError,
    DataError,
    DeniedError,
    ManifestError,
    TemporaryError,
)

#: What the kernel said on an executor.
RAISED = re.compile(r"cohort_events\.errors\.(\w+): ([^\n]+)")
#: What an expression of Spark said.
VERDICT = re.compile(r"\[USER_RAISED_EXCEPTION\] ([^\n]+?)(?: SQLSTATE: \w+)?\n")
#: A URI or a path, as far as the next space: it may hold any word. Behind the space it goes on with
#: another slash.
PATH = re.compile(r"\S*/\S*")
#: Words of Spark and Hadoop, and the kind that they tell of. The first that is found decides: a
#: file that cannot be read is at fault if nothing speaks of the way to it.
WORDS: tuple[tuple[str, type[CohortError]], ...] = (
    (r"AccessControlException|AccessDenied|Permission denied|status code: 403", DeniedError),
    (r"No FileSystem for scheme|ClassNotFoundException: Class org\.apache", ManifestError),
    (r"ParentNotDirectoryException|is not a directory", ManifestError),
    (r"PATH_NOT_FOUND|FILE_NOT_EXIST|FileNotFoundException|NoSuchFileException", TemporaryError),
    (
        r"(Socket|Connect|Timeout|Sdk|AWS|Interrupted|UnknownHost)\w*Exception\b|OutOfMemoryError"
        "|No space left",
        TemporaryError,
    ),
    (r"FAILED_READ_FILE|CANNOT_READ_FILE|PARQUET_|UNABLE_TO_INFER|ARITHMETIC_OVERFLOW", DataError),
    (r"java\.lang\.ArithmeticException", DataError),
)


def failure(error: BaseException) -> CohortError:
    """Return any failure as one that the job ends with."""
    if isinstance(error, CohortError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return TemporaryError("the run was stopped; start it again")
    if isinstance(error, OSError) and not _is_sparks(error):
        return _of_system(error)
    if _is_sparks(error):
        return _of_spark(str(error), type(error).__name__)
    return BugError(f"{type(error).__name__}: {error}; report this as a bug")


def _is_sparks(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in {"pyspark", "py4j"}


def _of_spark(text: str, name: str) -> CohortError:
    if raised := RAISED.findall(text):
        kind, message = raised[-1]
        # A wrong call on an executor is the job's own.
        known = getattr(errors, kind, BugError)
        return (BugError if known is errors.UsageError else known)(message)
    if verdict := VERDICT.search(f"{text}\n"):
        return DataError(verdict.group(1))
    told = _told(text)
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("at "))
    text = PATH.sub("", "\n".join(lines))
    for words, of_words in WORDS:
        if re.search(words, text):
            return of_words(told)
    return DataError(told) if name == "AnalysisException" else TemporaryError(told)


def _told(text: str) -> str:
    """Return the line that says most: what Java's exception says, without its stack."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    return (said or lines or ["Spark failed without a word"])[0]


def _of_system(error: OSError) -> CohortError:
    told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if isinstance(error, PermissionError):
        return DeniedError(told)
    wrong = isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError)
    if wrong or error.errno in {errno.ELOOP, errno.ENAMETOOLONG}:
        return ManifestError(f"{told}; choose another place")
    # What was never there is told before, so a file that is not there has gone meanwhile.
    return TemporaryError(told)


def line(error: CohortError) -> str:
    """Return the one line of a failure."""
    told = CONTROL.sub(lambda c: " " if c.group() == "\n" else ascii(c.group())[1:-1], str(error))
    return f"cohort: {told}"
