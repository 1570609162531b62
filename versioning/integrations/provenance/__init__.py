"""Provenance in the formats of others: OpenLineage, in-toto with SLSA, CycloneDX, W3C PROV.

Each is made of what the repository says of a version: nothing is asked of a server or a clock, and
ids and times are those of the version. So the same version gives the same document, until something
new is said of it: a name, an evaluation, an invalidation.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from versioning.errors import FormatError
from versioning.integrations.provenance.facts import Facts

if TYPE_CHECKING:
    from pathlib import Path

    from versioning.api import Repository, Version

__all__ = ["FORMATS", "export"]

# Each is written by the module of its name.
FORMATS = ("openlineage", "intoto", "mlbom", "prov")


def export(
    repository: Repository, name: str | Version, format_: str, *, sign: Path | None = None
) -> dict[str, Any]:
    """A version as a document of JSON-like values.

    Args:
        repository: Where it is.
        name: Which one; see `Repository.get`.
        format_: One of `FORMATS`.
        sign: File with an ed25519 private key in PEM; gives the statement of `intoto` in a signed
            DSSE envelope.

    Raises:
        NotFoundError: If nothing or more than one version is meant, or there is no such key.
        FormatError: If there is no such format, the library that writes it is not installed, or the
            key cannot sign.
    """
    if format_ not in FORMATS:
        raise FormatError(f"there is no format {format_!r}: choose {', '.join(FORMATS)}")
    if sign is not None and format_ != "intoto":
        raise FormatError(f"{format_} has no signature: sign the file, or choose intoto")
    facts = Facts.of(repository, repository.record(repository.resolve(name)))
    try:
        module = import_module(f"{__name__}.{format_}")
        document: dict[str, Any] = module.document(facts)
        if sign is not None:
            from versioning.integrations.provenance.signing import signed

            document = signed(document, module.PAYLOAD, sign)
    except ImportError as error:
        raise FormatError(
            f"{format_} is written by a library that is not here ({error.name}): "
            "pip install 'prefect-versioning[provenance]'"
        ) from error
    return document
