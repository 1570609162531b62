"""What can go wrong, one class for each thing a caller would do about it.

VersioningError
├── NotFoundError    (KeyError)      name another version, or make this one
├── ConflictError                    somebody else was first, or two repositories meet
├── RefusedError                     gates say no: look into it, or force it with a reason
├── IntegrityError                   bytes are not what was written: set aside, recompute
├── FormatError      (ValueError)    a record or a setting says what it may not
├── UnkeyableError   (TypeError)     a value or function cannot be keyed exactly
├── ReadOnlyError    (PermissionError)
└── StorageError     (OSError)       the store cannot be reached or cannot do what is needed
    └── FullError                    it has no room left: free some
"""

from __future__ import annotations


class VersioningError(Exception):
    """Root of every error raised on purpose by this library.

    Args:
        message: What happened, to what, and what to do next.
        facts: What a caller may act on (`key`, `digest`, `path`, ...); each is an attribute.
    """

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def __getattr__(self, name: str) -> object:
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.facts)


def _rebuild(cls: type[VersioningError], message: str, facts: dict[str, object]) -> VersioningError:
    return cls(message, **facts)


class NotFoundError(VersioningError, KeyError):
    """No version, blob or name is there."""


class ConflictError(VersioningError):
    """Somebody else was first, a lease was lost, or two repositories meet in one call."""


class RefusedError(VersioningError):
    """What was asked for is not allowed by what is recorded, unless it is forced with a reason."""


class IntegrityError(VersioningError):
    """Stored bytes differ from their digest, or a record contradicts itself."""


class FormatError(VersioningError, ValueError):
    """A record, repository or setting is not of a form that this release reads."""


class UnkeyableError(VersioningError, TypeError):
    """A value or a function cannot be keyed exactly, so it is refused."""


class ReadOnlyError(VersioningError, PermissionError):
    """The store, or the repository as opened, cannot be written."""


class StorageError(VersioningError, OSError):
    """The store cannot be reached, is full, or lacks what a repository needs of it."""


class FullError(StorageError):
    """The store has no room left for what was to be written."""
