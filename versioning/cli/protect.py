"""Protection from retention: `pin` and `unpin`."""

from __future__ import annotations

from versioning.cli.output import PLAIN, Flag, Options, line, short


def pin(version: str, /, *, reason: str, hold: Flag = False, options: Options = PLAIN) -> None:
    """Protect a version from retention.

    Args:
        version: Which one.
        reason: Why, for whoever wonders later.
        hold: A legal hold: `unpin` ends it with --release only, and nothing erases what is held.
    """
    repository = options.open(write=True)
    found = repository.get(version)
    repository.pin(found, reason, hold=hold)
    is_held = found.id in repository.holds()
    is_live = repository.is_live(found.record)
    document = {"id": found.id, "pinned": True, "reason": reason, "hold": is_held}
    document |= {"is_live": is_live}
    told = f"{found.step} {short(found.id)} is {'held' if is_held else 'pinned'}: {reason}"
    lost = (
        "" if is_live else "\nIts bytes are gone, and no pin brings them back: run its step again"
    )
    options.answer(document, lambda: [line(told + lost)])


def unpin(version: str, /, *, release: Flag = False, options: Options = PLAIN) -> None:
    """Withdraw the protection of a version; nothing happens when it has none.

    Args:
        version: Which one.
        release: End a legal hold, too.
    """
    repository = options.open(write=True)
    found = repository.get(version)
    repository.unpin(found, release=release)
    document = {"id": found.id, "pinned": False}
    options.answer(document, lambda: [line(f"{found.step} {short(found.id)} is not pinned")])
