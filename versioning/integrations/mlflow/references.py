"""How a version is named to MLflow: `versioning:///<id>?repository=<url>&seal=<seal>&predict=...`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from versioning.api import Version

SCHEME = "versioning"
# What MLflow finds below such a name: its own description, and which version it is.
DESCRIPTION, REFERENCE = "MLmodel", "version.json"


def source_uri(version: Version, *, predict: str | None = None) -> str:
    """What MLflow is told to be the source of a registered model.

    Args:
        version: The model.
        predict: `module:function`, called as `function(model, data)`; None for
            `model.predict(data)`.
    """
    facts = {"repository": version.repository_url, "seal": version.seal}
    facts |= {"predict": predict} if predict else {}
    # MLflow's server wants an absolute path in a source, and nothing that is a path of its own.
    return f"{SCHEME}:///{version.id}?{urlencode(facts, quote_via=quote)}"
