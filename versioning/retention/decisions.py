"""Decisions: what a policy says of each version, and why.

Everything that protects a version is a reason to keep it, and all reasons are told.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from versioning.retention.budget import limits, over_budget
from versioning.retention.candidates import Candidate, Decision
from versioning.retention.policy import EVER
from versioning.retention.rules import kept_by

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from versioning.retention.policy import Policy, Rule

_UNUSED = "no version is kept that ran with these wheels"


def decide(
    candidates: Iterable[Candidate],
    policy: Policy,
    now: datetime,
    *,
    inputs: Mapping[str, Sequence[str]],
) -> list[Decision]:
    """What `policy` says of each candidate, newest first.

    Args:
        candidates: All versions that have bytes which may go.
        policy: What to keep.
        now: The moment up to which ages count; timezone-aware.
        inputs: The versions that each version was made from, of all versions there are.
    """
    ordered = sorted(candidates, key=lambda item: (item.created, item.id), reverse=True)
    reasons: dict[str, list[str]] = {item.id: list(item.protection) for item in ordered}
    for item in ordered:
        if now - item.created < policy.min_age:
            reasons[item.id].append("younger than min_age")
        if policy.keep_named == EVER:
            reasons[item.id] += [f"{name} named it" for name in item.names]
    # What only the rules keep may go when there is too much; what has a reason by now may not.
    firm = {version_id for version_id, why in reasons.items() if why}
    numbers = _apply_rules(ordered, policy, now, reasons)
    budgets = limits(policy, numbers)

    def over(kept: Sequence[Candidate], may_not: Collection[str]) -> dict[str, str]:
        return over_budget(kept, may_not, policy, budgets, now)

    if budgets:
        dropped, reasons = _within_budget(ordered, policy, inputs, (reasons, firm), over)
    else:
        dropped = {}
        _keep_lineage(ordered, policy, inputs, reasons)
    expiry = [_UNUSED, *(_expiry(rule, number) for number, rule in enumerate(policy.rules, 1))]
    decisions = []
    for item in ordered:
        # There may be millions: what is told is not kept twice.
        why, number = reasons.pop(item.id), numbers.pop(item.id)
        told = "" if why else dropped.get(item.id) or expiry[number]
        decisions.append(Decision(item, tuple(why), told))
    return decisions


def _within_budget(
    ordered: Sequence[Candidate],
    policy: Policy,
    inputs: Mapping[str, Sequence[str]],
    found: tuple[Mapping[str, Sequence[str]], set[str]],
    over: Callable[[Sequence[Candidate], Collection[str]], dict[str, str]],
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """What budgets drop, and why the rest is kept, what it was made from included."""
    reasons, firm = found

    def kept_without(dropped: Collection[str]) -> dict[str, list[str]]:
        left = {i: [] if i in dropped else list(why) for i, why in reasons.items()}
        _keep_lineage(ordered, policy, inputs, left)
        return left

    kept = {version_id for version_id, why in kept_without(()).items() if why}
    dropped: dict[str, str] = {}
    while True:
        left = [item for item in ordered if item.id in kept - dropped.keys()]
        needed: set[str] = set()
        while True:
            more = over(left, firm | needed)
            reasons_left = kept_without(dropped.keys() | more.keys())
            back = {version_id for version_id in more if reasons_left[version_id]}
            if not back:
                break
            # What stays was made from these: something else has to go in their place.
            needed |= back
        if not more:
            return dropped, reasons_left
        # What only these needed may go in the next turn.
        dropped |= more


def _apply_rules(
    ordered: Iterable[Candidate], policy: Policy, now: datetime, reasons: dict[str, list[str]]
) -> dict[str, int]:
    """Add what the rules keep; the number of each version's rule, from 1, or 0 for none."""
    groups: dict[tuple[int, str], list[Candidate]] = defaultdict(list)
    for item in ordered:
        if not item.is_archive:
            groups[policy.number_of(item), item.step].append(item)
    for (number, _), members in groups.items():
        kept = kept_by(policy.rules[number - 1], members, now) if number else _all(members)
        for item, reason in kept:
            reasons[item.id].append(reason)
    found = {item.id: number for (number, _), members in groups.items() for item in members}
    return {item.id: found.get(item.id, 0) for item in ordered}


def _all(members: Iterable[Candidate]) -> Iterable[tuple[Candidate, str]]:
    return ((item, "no rule is about it") for item in members)


def _keep_lineage(
    ordered: Sequence[Candidate],
    policy: Policy,
    inputs: Mapping[str, Sequence[str]],
    reasons: dict[str, list[str]],
) -> None:
    """Keep what kept versions were made from, as far as the policy wants it or nothing else can."""
    known = {item.id: item for item in ordered if not reasons[item.id]}
    # Each version is looked at once, on behalf of the newest that was made from it.
    roots = (item for item in ordered if reasons[item.id] and item.keeps_lineage)
    waiting = deque((above, item) for item in roots for above in inputs.get(item.id, ()))
    seen: set[str] = set()
    while waiting:
        version_id, below = waiting.popleft()
        if version_id in seen:
            continue
        seen.add(version_id)
        waiting.extend((above, below) for above in inputs.get(version_id, ()))
        item = known.get(version_id)
        if item and not reasons[version_id] and _is_wanted(item, policy, inputs):
            reasons[version_id].append(f"{below.step} {below.id[:12]} was made from it")


def _is_wanted(item: Candidate, policy: Policy, inputs: Mapping[str, Sequence[str]]) -> bool:
    if not item.is_rebuildable or policy.keep_lineage == "inputs":
        return True
    return policy.keep_lineage == "sources" and not inputs.get(item.id)


def _expiry(rule: Rule, number: int) -> str:
    return f"rule {number} ({rule.told}) does not keep it"
