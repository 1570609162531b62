"""How often a store is asked, beside how often it is promised to be at most."""

from __future__ import annotations

from pathlib import Path

from tests.bench.measure import Claim
from tests.repositories import opened
from tests.requests import BOUNDS, Counted, counted
from versioning import Repository


def requests(folder: Path) -> list[Claim]:
    """Requests for a hit, a commit and a miss; on S3 each of them is one over the wire."""
    repository = opened(folder / "asked", folder)
    store = Counted(repository.store)
    counting = Repository(store, repository_id=repository.id, settings=repository.settings)
    found = counted(counting, store.asked)
    return [
        Claim(
            f"requests for {bound.what}",
            "versioned",
            str(len(found[bound.what])),
            f"{bound.most} at most",
            len(found[bound.what]) <= bound.most,
        )
        for bound in BOUNDS
    ]
