"""Every error that archfront raises on purpose, and the exit code that each one ends a command with.

ArchfrontError             message + hint                            exit code 1
├── BadInputError          what a person wrote can't be used         2
│   ├── ConfigError        a study file: all its problems at once
│   └── StudyError         a study directory: absent, held, changed
├── NothingFeasibleError   no architecture meets the constraints     3
├── InterruptedStudyError  stopped, and resumable                    4
└── StorageError           a disk or a store that can't be written   4
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar


class ArchfrontError(Exception):
    """An error with a way out.

    Attributes:
        message: where, name, value and rule.
        hint: what to do about it, as one sentence; may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInputError(ArchfrontError):
    """What a person wrote can't be used as it is."""

    exit_code = 2


class ConfigError(BadInputError):
    """A study file with problems; all of them, not the first alone."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StudyError(BadInputError):
    """A study directory that is absent, held by another driver, or made from another study file."""


class NothingFeasibleError(ArchfrontError):
    """No architecture of the space meets the constraints."""

    exit_code = 3


class InterruptedStudyError(ArchfrontError):
    """The study stopped before its end and goes on when the command is given again."""

    exit_code = 4


class StorageError(ArchfrontError):
    """The study's storage can't be read or written; nothing that was acknowledged is lost."""

    exit_code = 4


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it, the last one first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
