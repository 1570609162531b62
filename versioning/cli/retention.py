"""Retention: `prune` and `undo`."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from cyclopts import Parameter

from versioning.cli.output import PLAIN, Flag, Options, add, line, short, table
from versioning.cli.progress import shown
from versioning.errors import FormatError
from versioning.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from versioning.api import Repository
    from versioning.outcomes import Outcome
    from versioning.plans import Plan, Saved
    from versioning.prune import Applied
    from versioning.retention import Decision, Policy
    from versioning.sweep import Swept

    Items = Sequence[dict[str, Any]]

SHOWN = 20
# What a month must save at least to be told as a number.
MIN_SAVED = 0.01


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Looking(Options):
    """What every command takes, and what `prune` only prints.

    Attributes:
        repository: Folder or URL of the repository; the one that the settings name by default.
        json: Write one JSON document, and nothing else, to stdout.
        plans: List the plans there are, and do nothing else. Each is planned, out of date (and can
            be applied no more), applied, undone or past undo.
        schema: Print the JSON schema of a policy, for editors, and do nothing else.
    """

    plans: Annotated[Flag, Parameter(name="--list")] = False
    schema: Flag = False


LOOKING = Looking()


def prune(
    *,
    policy: Path | None = None,
    apply: Flag = False,
    plan: str | None = None,
    trash: str | None = None,
    options: Looking = LOOKING,
) -> int:
    """Plan what a policy of retention would expire; with --apply, carry the plan out.

    Expired versions keep their bytes for the trash period of the policy, a week by default, and
    `versioning undo` brings them back. What has been in the trash for longer is deleted then. A
    plan that nobody carried out within 30 days is deleted with the next one. Exit code 1 when the
    store refuses to delete.

    Args:
        policy: TOML file; by default [tool.versioning.retention] in pyproject.toml, else ten
            versions of each step, all of a month, and one a week for a quarter.
        apply: Carry the plan out, sparing what has been pinned, named or used since it was made.
        plan: A plan that was made before, to be shown or carried out as it stands.
        trash: How long what goes now keeps its bytes, as `3d`, whatever the policy says; `0s` frees
            them at once, as a full disk needs it, and nothing brings them back.
    """
    if options.schema:
        print_schema()
        return 0
    if options.plans:
        return _list_plans(options)
    from versioning.expiry import here
    from versioning.planning import never_again
    from versioning.plans import saved
    from versioning.prune import apply as carry_out
    from versioning.retention import Policy

    if plan is not None and (policy is not None or trash is not None):
        raise FormatError("a plan has its policy already: give --plan, or --policy and --trash")
    repository = options.open(write=True)
    if plan is None:
        chosen = policy_of(policy)
        if trash is not None:
            chosen = Policy.of({**chosen.model_dump(), "trash": trash}, "--trash")
        document = _made(repository.plan_prune(chosen))
    else:
        document = _saved(repository, stored := saved(repository, plan))
        # To find that out, all are looked at: only for people who decide.
        if not apply:
            final = never_again(repository, repository.catalog, stored.expire)
            document["never_again"] = sorted(final)
    applied = None
    if apply:
        with shown(unless=options.json) as tell:
            carried = (repository, repository.catalog, document["plan"], here())
            applied = carry_out(*carried, progress=tell)
        document |= asdict(applied)
    document["applied"] = apply
    options.answer(document, lambda: _report(document, applied))
    return 1 if applied is not None and (applied.left or applied.swept.left) else 0


def _list_plans(options: Options) -> int:
    found = options.open().plans()
    options.answer([asdict(outcome) for outcome in found], lambda: _plans(found))
    return 0


def _plans(found: Sequence[Outcome]) -> Iterator[RenderableType]:
    if not found:
        yield line("There are no plans: `versioning prune` makes one.")
        return
    right = ("versions", "frees")
    made = table("plan", "made", "by", *right, "state", right=right)
    for item in found:
        freed = None if item.freed_bytes is None else size(item.freed_bytes)
        when = f"{item.made.astimezone():%Y-%m-%d %H:%M}"
        add(made, item.plan, when, item.actor or None, item.versions, freed, item.state)
    yield made


def print_schema() -> None:
    """Write the JSON schema of a policy to stdout."""
    from versioning.retention import Policy

    data = orjson.dumps(Policy.model_json_schema(), option=orjson.OPT_INDENT_2)
    sys.stdout.buffer.write(data + b"\n")


def undo(plan: str, /, *, options: Options = PLAIN) -> int:
    """Bring back what a plan expired, while its bytes are in the trash; 1 when some are deleted.

    Args:
        plan: Which one, as `prune` named it.
    """
    from versioning.expiry import here
    from versioning.prune import undo as bring_back

    with shown(unless=options.json) as tell:
        back = bring_back(options.open(write=True), plan, here(), progress=tell)
    lost = [version_id for version_id, is_back in back.items() if not is_back]
    document = {"plan": plan, "restored": sorted(back.keys() - set(lost)), "deleted": sorted(lost)}
    told = f"{len(back) - len(lost)} versions are back"
    if lost:
        told += f"; the bytes of {len(lost)} are deleted already: run their steps again"
    options.answer(document, lambda: [line(told)])
    return 1 if lost else 0


def policy_of(path: Path | None) -> Policy:
    """The policy in a file, else that of the project, else a careful one."""
    from versioning.retention import Policy

    # A project that says nothing of retention gets the careful default, a file that is named not.
    return Policy.of_project(Path.cwd()) if path is None else Policy.read(path)


def _made(plan: Plan) -> dict[str, Any]:
    kept = [{"id": d.candidate.id, "step": d.candidate.step, "reasons": d.keep} for d in plan.keep]
    return {
        "plan": plan.id,
        "policy": plan.policy.model_dump(mode="json"),
        "keep": kept,
        "expire": [_expiring(item) for item in plan.expire],
        "freed_bytes": plan.freed_bytes,
        "saved_per_month": plan.saved_per_month,
        "rebuild_seconds": plan.rebuild_seconds,
        "rebuild_money": plan.rebuild_money,
        "exceeded": plan.exceeded,
        "never_again": sorted(plan.never_again),
    }


def _expiring(item: Decision) -> dict[str, Any]:
    version = item.candidate
    return {
        "id": version.id,
        "step": version.step,
        "reason": item.expire,
        "size_bytes": sum(version.blobs.values()),
        "rebuild_seconds": version.seconds,
    }


def _saved(repository: Repository, plan: Saved) -> dict[str, Any]:
    repository.catalog.refresh()
    rows = repository.catalog.rows(plan.expire)
    expire = [
        {
            "id": version_id,
            "step": rows[version_id].step,
            "reason": reason,
            "size_bytes": rows[version_id].size_bytes,
            "rebuild_seconds": rows[version_id].seconds,
        }
        for version_id, reason in plan.expire.items()
        if version_id in rows
    ]
    return {
        "plan": plan.id,
        "policy": plan.policy.model_dump(mode="json"),
        "made": plan.made,
        "keep": [],
        "expire": expire,
        "freed_bytes": plan.freed_bytes,
    }


def _report(document: dict[str, Any], applied: Applied | None) -> Iterator[RenderableType]:
    plan, expire, keep = document["plan"], document["expire"], document["keep"]
    if expire and applied is not None:
        yield from _carried_out(plan, expire, keep, applied)
    elif expire:
        yield from _tables(expire, keep, is_plan=True)
        yield line(_worth(document))
        yield line(f"Nothing is done yet: versioning prune --apply --plan {plan}")
    else:
        yield from _tables(expire, keep, is_plan=applied is None)
        stay = f": {len(keep)} versions all stay" if keep else ""
        yield line(f"Nothing to expire{stay}.")
    for budget in document.get("exceeded", ()):
        yield line(f"{budget} is exceeded all the same: what stays may not go.")
    if applied is not None:
        yield from _swept(applied.swept)
        yield from _refused("bindings", applied.left)


def _carried_out(plan: str, expire: Items, keep: Items, done: Applied) -> Iterator[RenderableType]:
    gone, erased = set(done.expired), set(done.swept.erased)
    yield from _tables([item for item in expire if item["id"] in gone], keep, is_plan=False)
    if trashed := gone - erased:
        yield line(f"{len(trashed)} versions are in the trash: versioning undo {plan}")
    for version_id, reason in list(done.spared.items())[:SHOWN]:
        yield line(f"{short(version_id)} is spared: {reason}")
    yield from _more(list(done.spared))
    if before := {item["id"] for item in expire} - gone - erased - done.spared.keys():
        yield line(f"{len(before)} versions went before, by another plan or an earlier run.")


def _tables(expire: Items, keep: Items, *, is_plan: bool) -> Iterator[RenderableType]:
    if expire:
        yield _by_step(expire, keep)
    if keep and is_plan:
        yield _staying(keep)
        yield from _more(keep)
    if expire:
        yield _details(expire)
        yield from _more(expire)


def _worth(document: dict[str, Any]) -> str:
    seconds = duration(sum(item["rebuild_seconds"] for item in document["expire"]))
    told = f"{len(document['expire'])} versions would go, {seconds} to make again"
    lost = len(document["never_again"])
    final = f" {lost} of them can never be made again." if lost else ""
    if (freed := document["freed_bytes"]) is not None:
        told += f"; {size(freed)} would be free"
    if (saved := document.get("saved_per_month")) is not None:
        told += f" ({saved:.2f} a month)" if saved >= MIN_SAVED else " (next to nothing a month)"
    return f"{told}.{final}"


def _swept(swept: Swept) -> Iterator[RenderableType]:
    if swept.erased:
        yield line(f"{len(swept.erased)} versions are expired: their trash period is over.")
    if swept.deleted:
        count, freed = len(swept.deleted), size(swept.freed_bytes)
        yield line(f"{count} blobs were deleted that no version needs any more: {freed} are free.")
    yield from _refused("blobs", swept.left)
    if swept.busy:
        yield line(f"{len(swept.busy)} writers are at work; the next prune deletes the rest.")


def _refused(what: str, left: dict[str, str]) -> Iterator[RenderableType]:
    for said in list(left.values())[:1]:
        yield line(f"{len(left)} {what} are left, as the store keeps them: {said}")


def _by_step(expire: Items, keep: Items) -> RenderableType:
    going: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in expire:
        going[item["step"]].append(item)
    staying = Counter(item["step"] for item in keep)
    right = ("expire", "keep", "size", "to make again")
    made = table("step", *right, right=right)
    for step in sorted(going):
        held = sum(item["size_bytes"] for item in going[step])
        seconds = sum(item["rebuild_seconds"] for item in going[step])
        kept = staying[step] if keep else None
        add(made, step, len(going[step]), kept, size(held), duration(seconds))
    return made


def _more(items: Sequence[object]) -> Iterator[RenderableType]:
    if len(items) > SHOWN:
        yield line(f"... and {len(items) - SHOWN} more: --json lists all of them")


def _staying(keep: Items) -> RenderableType:
    made = table("version", "step", "why it stays")
    for item in keep[:SHOWN]:
        add(made, short(item["id"]), item["step"], "; ".join(item["reasons"]))
    return made


def _details(expire: Items) -> RenderableType:
    made = table("version", "step", "size", "why it goes", right=("size",))
    for item in expire[:SHOWN]:
        add(made, short(item["id"]), item["step"], size(item["size_bytes"]), item["reason"])
    return made
