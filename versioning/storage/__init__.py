"""Storage: names and bytes in a folder, in memory, or behind a fsspec URL.

Nothing above this package knows where bytes lie, and nothing else imports fsspec.
"""

from versioning.storage.store import Entry, Store

__all__ = ["Entry", "Store"]
