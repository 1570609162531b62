"""What is captured, kept in the repository as versions of its own: found again by content."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from versioning.digest import Digest, digest_bytes
from versioning.keys import Leaf, root_key, text_leaf
from versioning.records import CAPTURED, Input
from versioning.repository import Draft

if TYPE_CHECKING:
    from versioning.capture.sources import Bundle
    from versioning.records import VersionRecord
    from versioning.repository import Repository

SOURCE, FILES = f"{CAPTURED}source", f"{CAPTURED}files"
PARAMETER = f"{CAPTURED}parameter"


def keep_files(repository: Repository, step: str, bundle: Bundle) -> Input:
    """The version that holds the files of a bundle as a tree, written when there is none."""
    content = {place: (file.digest, file.is_executable) for place, file in bundle.files.items()}
    draft = draft_of(step, _digest(content))
    if (record := repository.lookup(draft.key)) is None:
        with tempfile.TemporaryDirectory(
            prefix="captured-", dir=repository.store.staging()
        ) as folder:
            # What is copied may have been edited since it was looked at: what is kept says itself.
            copied = {}
            for place, file in bundle.files.items():
                target = Path(folder, place)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.path, target)
                target.chmod(0o755 if file.is_executable else 0o644)
                copied[place] = (digest_bytes(target.read_bytes()), file.is_executable)
            draft = draft_of(step, _digest(copied))
            record = repository.commit(Path(folder), draft)
    return input_of(step, record)


def keep_value(
    repository: Repository, step: str, value: Any, digest: Digest | None = None
) -> Input:
    """The version that holds a value, written when there is none.

    Args:
        repository: Where.
        step: What it is.
        value: The value.
        digest: What tells it from others; that of its JSON when None.
    """
    draft = draft_of(step, digest or _digest(value))
    record = repository.lookup(draft.key) or repository.commit(value, draft)
    return input_of(step, record)


def _digest(value: Any) -> Digest:
    return digest_bytes(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def draft_of(step: str, content: Digest) -> Draft:
    """A version of something captured, told from others by its content."""
    leaves = (Leaf("content", content), text_leaf("step", step))
    return Draft(
        key=root_key(leaves),
        leaves=leaves,
        step=step,
        function="",
        created=datetime.now(UTC),
        seconds=0.0,
    )


def input_of(name: str, record: VersionRecord) -> Input:
    """A version as what is made from it names it."""
    return Input(name.removeprefix(CAPTURED), record.id, record.digest, record.seal)
