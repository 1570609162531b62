"""Retention: which versions a policy keeps, and why. Pure: no store, no clock."""

from versioning.retention.candidates import Candidate, Decision
from versioning.retention.decisions import decide
from versioning.retention.policy import Policy, Rule
from versioning.retention.prices import Holding

__all__ = ["Candidate", "Decision", "Holding", "Policy", "Rule", "decide"]
