"""What a body reads that its key cannot see, noticed while it runs."""

from versioning.hidden.reads import Read, told
from versioning.hidden.watch import Watch

__all__ = ["Read", "Watch", "told"]
