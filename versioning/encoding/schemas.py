"""Encoders of pydantic: models by their fields, secrets by what they hide.

Only a digest of a secret leaves this module; previews show nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic
import pydantic_core

from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder


@encodes(pydantic.BaseModel, tag="pydantic.model", family=True)
def _model(value: pydantic.BaseModel, to: Encoder) -> None:
    held = vars(value)
    # `model_dump(exclude_unset=True)` tells a default from the same value that was given.
    to.value(value.model_fields_set)
    to.attributes({name: held[name] for name in type(value).model_fields if name in held})
    to.attributes(dict(value.__pydantic_extra__ or {}))
    to.attributes(_private(value))


def _private(value: pydantic.BaseModel) -> dict[str, object]:
    """Private attributes, without those that Prefect keeps on blocks: where they were saved."""
    foreign = {
        name
        for base in type(value).__mro__
        if base.__module__.startswith("prefect.")
        for name in getattr(base, "__private_attributes__", ())
    }
    private = value.__pydantic_private__ or {}
    return {name: held for name, held in private.items() if name not in foreign}


@encodes(
    pydantic.SecretStr, pydantic.SecretBytes, pydantic.Secret, tag="pydantic.secret", family=True
)
def _secret(value: Any, to: Encoder) -> None:
    to.value(value.get_secret_value())


@encodes(
    pydantic.AnyUrl, pydantic_core.Url, pydantic_core.MultiHostUrl, tag="pydantic.url", family=True
)
def _url(value: object, to: Encoder) -> None:
    to.text(str(value))
