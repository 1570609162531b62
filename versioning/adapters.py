"""Adapters: models that are small changes of another one, their base, as LoRA's are.

An adapter is a folder with an `adapter_config.json`, which names the base by where that lay:
another place on every machine, and so another digest. `adapter` lets it name what the base holds:

    @versioned
    def tune(base: Path, table: pd.DataFrame, seed: int = 7) -> Path:
        ...
        model.save_pretrained(folder)
        return adapter(folder, base)

The base is an input of such a version, stored once however many adapters it has. Loading the
adapter lays the base as well, and the configuration says where.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from versioning.encoding import file_digest
from versioning.errors import FormatError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from versioning.records import Input, VersionRecord
    from versioning.repository import Repository

CONFIG, BASE = "adapter_config.json", "base_model_name_or_path"
SCHEME = "versioning:"
_PART = f"file/{CONFIG}"
_CARD = "README.md"
_SETS = frozenset({"exclude_modules", "target_modules"})


def adapter(folder: Path, base: Path) -> Path:
    """`folder`, whose configuration names its base by what that holds, wherever it lies.

    So does the card beside it. What peft writes in the order of a set, another one in each process,
    is sorted.

    Args:
        folder: Of the adapter, as `save_pretrained` of peft writes it; it is changed.
        base: The base model as the step received it: a file or a folder.

    Raises:
        FormatError: If the folder has no configuration of an adapter.
    """
    config = _read(folder / CONFIG)
    name = f"{SCHEME}{file_digest(base)}"
    if (card := folder / _CARD).is_file() and (place := config.get(BASE)):
        card.write_text(card.read_text("utf-8").replace(str(place), name), "utf-8")
    for field in _SETS.intersection(config):
        if isinstance(config[field], list):
            config[field].sort()
    _write(folder / CONFIG, {**config, BASE: name})
    return folder


def is_adapter(record: VersionRecord) -> bool:
    """Whether a version is a folder with the configuration of an adapter."""
    is_tree = record.codec.partition("/")[0] == "tree"
    return is_tree and any(blob.part == _PART for blob in record.manifest)


def base_of(record: VersionRecord, folder: Path) -> Input | None:
    """The input that is the base of an adapter; None when it names its base in another way.

    Args:
        record: Of the adapter.
        folder: Where it is laid, as it is stored.

    Raises:
        NotFoundError: If it was not made from the base that it names.
        FormatError: If its configuration cannot be read.
    """
    named = str(_read(folder / CONFIG).get(BASE))
    if not named.startswith(SCHEME):
        return None
    digest = named.removeprefix(SCHEME)
    found = next((item for item in record.inputs if item.digest == digest), None)
    if found is None:
        raise NotFoundError(
            f"{record.step} {record.id[:12]} is an adapter of a base with digest {digest[:12]}, "
            "which is no input of it: let its step receive the base as a parameter",
            id=record.id,
        )
    return found


def lay_base(repository: Repository, record: VersionRecord, folder: Path) -> Path:
    """Lay the base of an adapter, too, and let the configuration in `folder` say where.

    Raises:
        NotFoundError: If the base is gone; or as `base_of`.
        IntegrityError: If its bytes are not those written.
        FormatError: As `base_of`.
    """
    if (base := base_of(record, folder)) is not None:
        place = repository.path(repository.record(base.id))
        config = folder / CONFIG
        text = {**_read(config), BASE: str(place)}
        # It is read-only, as all that is laid.
        config.unlink()
        _write(config, text)
    return folder


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} is no configuration of an adapter: {error}") from error
    if not isinstance(config, dict):
        raise FormatError(f"{path} is no configuration of an adapter: it is no JSON object")
    return config


def _write(path: Path, config: dict[str, Any]) -> None:
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
