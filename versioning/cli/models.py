"""The production model: `promote`, `rollback` and `reconcile`."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cyclopts import Parameter

from versioning.cli.output import PLAIN, Flag, Options, add, line, short, table
from versioning.encoding.preview import without_passwords
from versioning.errors import NotFoundError
from versioning.promotion import CHAMPION, parse_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from versioning.api import Repository, Version
    from versioning.promotion import Promotion
    from versioning.rollbacks import Advice, Former


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Naming(Options):
    """What commands take that name a version.

    Attributes:
        repository: Folder or URL of the repository; the one that the settings name by default.
        json: Write one JSON document, and nothing else, to stdout.
        no_registry: Leave MLflow as it is; `versioning reconcile` tells the difference later.
    """

    no_registry: Flag = False

    def registry(self, name: str, repository: Repository) -> str | None:
        """Where MLflow is, if it is to follow; asked something, so that it does answer.

        Raises:
            StorageError: If it does not answer; nothing is written then.
        """
        from versioning.integrations.mlflow import aliases_of

        if self.no_registry:
            return None
        uri = _registry(repository)
        aliases_of(name.partition("@")[0], uri=uri)
        return uri


NAMING = Naming()


def promote(
    version: str,
    name: str,
    /,
    *,
    reason: str = "",
    force: Flag = False,
    predict: str | None = None,
    options: Naming = NAMING,
) -> None:
    """Let a name name a version from now on, if its gates say so; 1 when they do not.

    Args:
        version: Which one.
        name: As delays@champion.
        reason: Why, for whoever wonders later.
        force: Promote it though a gate failed or nobody judged it; needs a reason.
        predict: The function that serves it, as module:function, if it was never registered.
    """
    repository = options.open(write=True)
    found = repository.get(version)
    uri = options.registry("@".join(parse_name(name)), repository)
    done = repository.promote(found, name, reason=reason, force=force, predict=predict)
    document = {**_promotion(done), "registry": _follow(found, done, uri)}
    options.answer(document, lambda: _promoted(found, done, document["registry"]))


def rollback(
    name: str,
    /,
    *,
    suspect: list[str] | None = None,
    reason: str = "",
    apply: Flag = False,
    options: Naming = NAMING,
) -> int:
    """Which former version a name should go back to, and why; 1 when none is fit.

    Args:
        name: As delays, which means delays@champion.
        suspect: A version that is known to be bad, such as a day of data; what was made from it is
            not fit. By default, what is new to the version that is named now is suspect.
        reason: What is wrong with the one that is named now.
        apply: Go back to the one that is suggested.
    """
    repository = options.open(write=apply)
    target = parse_name(name, CHAMPION)
    advice = repository.advise_rollback(name, suspects=suspect or ())
    chosen = advice.suggested
    document: dict[str, Any] = {"name": target[0], "alias": target[1], **_advice(advice)}
    if apply and chosen is not None:
        uri = options.registry(name, repository)
        version = repository.get(chosen.id)
        done = repository.rollback(name, version, reason=reason)
        document |= {"applied": True, "registry": _follow(version, done, uri)}
    options.answer(document, lambda: _advised("@".join(target), advice, document))
    return 0 if chosen is not None else 1


def reconcile(name: str | None = None, /, *, apply: Flag = False, options: Options = PLAIN) -> int:
    """Where MLflow and the repository say different things of a name; 1 when they still do.

    Args:
        name: As delays; every name by default.
        apply: Mend what can be: MLflow follows the repository.
    """
    from versioning.integrations.mlflow import differences, is_there, mend

    repository = options.open(write=apply)
    uri = _registry(repository)
    wanted = (name.partition("@")[0],) if name else tuple(sorted(repository.names()))
    if name and wanted[0] not in repository.names():
        raise NotFoundError(f"nothing was ever named {wanted[0]!r}: `versioning promote` names")
    found, left = [], 0
    for each in wanted:
        for item in differences(repository, each, uri=uri):
            if mended := apply and item.is_mendable:
                mend(repository, each, item, uri=uri)
            left += not mended
            found.append({**asdict(item), "mended": mended})
    shown = without_passwords(uri)
    document = {"registry": shown, "has_registry": is_there(uri), "names": wanted}
    document["differences"] = found
    options.answer(document, lambda: _differences(document, apply=apply))
    return 1 if left else 0


def _registry(repository: Repository) -> str:
    from versioning.integrations.mlflow import tracking_uri

    return tracking_uri(repository.url, os.environ)


def _follow(version: Version, done: Promotion, uri: str | None) -> dict[str, Any] | None:
    from versioning.integrations.mlflow import follow

    if uri is None:
        return None
    registered = follow(version, done.name, done.alias, uri=uri)
    return {"uri": without_passwords(uri), "number": registered.number}


def _promotion(done: Promotion) -> dict[str, Any]:
    return {
        "name": done.name,
        "alias": done.alias,
        "id": done.version,
        "before": done.before,
        "is_new": done.is_new,
        "position": done.position,
        **done.facts,
    }


def _promoted(
    version: Version, done: Promotion, registry: dict[str, Any] | None
) -> Iterator[RenderableType]:
    called = f"{version.step} {short(version.id)}"
    if done.is_new:
        before = f", {short(done.before)} before" if done.before else ""
        yield line(f"{done.name}@{done.alias} is now {called}{before}")
    else:
        yield line(f"{done.name}@{done.alias} is {called} already")
    yield line(done.facts["gates"] + (" (forced)" if done.facts["forced"] else ""))
    if registry:
        yield line(f"MLflow: number {registry['number']} at {registry['uri']}")


def _advice(advice: Advice) -> dict[str, Any]:
    chosen = advice.suggested
    return {
        "current": advice.current,
        "suspects": [{"id": i, "step": step} for i, step in sorted(advice.suspects.items())],
        "suggested": chosen and chosen.id,
        "candidates": [{**asdict(former), "is_fit": former.is_fit} for former in advice.formers],
        "applied": False,
    }


def _advised(name: str, advice: Advice, document: dict[str, Any]) -> Iterator[RenderableType]:
    yield line(f"{name} is {short(advice.current)}")
    if advice.suspects:
        shown = [f"{step} {short(i)}".strip() for i, step in sorted(advice.suspects.items())]
        more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
        yield line(f"suspect: {', '.join(shown[:5])}{more}")
    made = table("", "version", "named", "metrics", "for it", "against it")
    for former in advice.formers:
        sign = "->" if former is advice.suggested else ""
        add(
            made,
            sign,
            short(former.id),
            _span(former),
            _metrics(former),
            "\n".join(former.told),
            "\n".join((*former.against, *former.doubts)),
        )
    yield made
    chosen = advice.suggested
    if document["applied"] and chosen:
        yield line(f"{name} is now {short(chosen.id)}")
    elif chosen:
        yield line(f"`versioning rollback {name} --apply` goes back to {short(chosen.id)}")
    else:
        yield line(
            "None is fit. `versioning promote VERSION NAME@ALIAS --force --reason TEXT` takes one "
            "all the same; otherwise retrain without what is suspect."
        )


def _span(former: Former) -> str:
    return " to ".join(_day(text) for text in (former.since, former.until or "") if text)


def _day(text: str) -> str:
    return text[:16].replace("T", " ")


def _metrics(former: Former) -> str:
    return "\n".join(f"{name} {value:.4g}" for name, value in list(former.metrics.items())[:4])


def _differences(document: dict[str, Any], *, apply: bool) -> Iterator[RenderableType]:
    found, uri = document["differences"], document["registry"]
    if not document["has_registry"]:
        yield line(f"There is no registry at {uri}.")
    elif not found:
        yield line(f"MLflow at {uri} says what the repository says.")
    if not found:
        return
    made = table("what", "about", "found", "mended" if apply else "what would mend it")
    for item in found:
        cell = item["mend"] if not apply or not item["mended"] else f"done: {item['mend']}"
        add(made, item["kind"], item["about"], item["found"], cell)
    yield made
    if not apply and any(item["is_mendable"] for item in found):
        yield line("`versioning reconcile --apply` does what it can.")
