"""Protection from retention: `pin` and `unpin`."""

from __future__ import annotations

from versioning.cli.output import PLAIN, Options, line, short


def pin(version: str, /, *, reason: str, options: Options = PLAIN) -> None:
    """Protect a version from retention.

    Args:
        version: Which one.
        reason: Why, for whoever wonders later.
    """
    repository = options.open(write=True)
    found = repository.get(version)
    repository.pin(found, reason)
    is_live = repository.is_live(found.record)
    document = {"id": found.id, "pinned": True, "reason": reason, "is_live": is_live}
    told = f"{found.step} {short(found.id)} is pinned: {reason}"
    lost = (
        "" if is_live else "\nIts bytes are gone, and no pin brings them back: run its step again"
    )
    options.answer(document, lambda: [line(told + lost)])


def unpin(version: str, /, *, options: Options = PLAIN) -> None:
    """Withdraw the protection of a version; nothing happens when it has none.

    Args:
        version: Which one.
    """
    repository = options.open(write=True)
    found = repository.get(version)
    repository.unpin(found)
    document = {"id": found.id, "pinned": False}
    options.answer(document, lambda: [line(f"{found.step} {short(found.id)} is not pinned")])
