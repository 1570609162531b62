"""DSSE: a document in an envelope that is signed with an ed25519 key.

The same key signs the same document alike: envelopes are as repeatable as what is in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from versioning.errors import FormatError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

HOW = "`openssl genpkey -algorithm ed25519 -out key.pem` makes one"


def signed(document: dict[str, Any], payload_type: str, key: Path) -> dict[str, Any]:
    """A document in a signed envelope.

    Args:
        document: What is signed.
        payload_type: Its media type.
        key: File with an ed25519 private key in PEM, without a password.

    Raises:
        NotFoundError: If there is no such file.
        FormatError: If it holds no such key.
    """
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no key {key}: {HOW}", path=str(key)) from error
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise FormatError(f"{key} is no private key in PEM without a password: {HOW}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise FormatError(f"{key} is no ed25519 key: {HOW}")
    envelope = Envelope(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), payload_type, {})
    envelope.sign(CryptoSigner(private))
    found: dict[str, Any] = envelope.to_dict()
    return found
