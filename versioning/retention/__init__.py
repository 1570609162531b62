"""Retention: which versions a policy keeps, and why. Pure: no store, no clock."""

from versioning.retention.budget import exceeded, limits
from versioning.retention.candidates import Candidate, Decision
from versioning.retention.decisions import decide
from versioning.retention.policy import Policy, Rule
from versioning.retention.prices import GB, Holding

__all__ = [
    "GB",
    "Candidate",
    "Decision",
    "Holding",
    "Policy",
    "Rule",
    "decide",
    "exceeded",
    "limits",
]
