"""What runs in the other process: `python -m versioning.replay JOBS RESULTS`.

It finds each function in the source, calls it with its recorded parameters and inputs, stores and
compares what it returns, and writes a line a version. It knows one folder and nothing of the
repository that the versions are from, so whatever it does, nothing that is recorded can change.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import re
import sys
import time
import traceback
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.api import Repository, Version
from versioning.arguments import loaded
from versioning.capture.lock import installed
from versioning.capture.machine import machine
from versioning.code import code_leaves
from versioning.code.places import is_first_party
from versioning.environment import environment_leaves
from versioning.errors import NotFoundError, VersioningError
from versioning.keys import root_key, text_leaf
from versioning.outputs import digest_as_committed
from versioning.parameters import Given
from versioning.records import Input
from versioning.repository import Draft
from versioning.rerun.compare import difference
from versioning.rerun.verdicts import DIFFERENT, EQUAL, FAILED, IDENTICAL
from versioning.settings import SECRETS, Settings
from versioning.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"\W")


def main(jobs: str, results: str, index: str | None = None) -> None:
    """Run the jobs of a file, and write what came of each to another.

    Args:
        jobs: The one.
        results: The other.
        index: A third that remembers what is installed; see `capture.lock.installed`.
    """
    place, output = Path(jobs).absolute(), Path(results).absolute()
    plan = json.loads(place.read_bytes())
    os.chdir(place.parent / plan["cwd"])
    paths = [str(place.parent / path) for path in plan["paths"]]
    _import_from(paths, library=str(place.parent / "library"))
    settings = Settings(cache=place.parent / ".cache", allow_pickle=plan["allow_pickle"])
    repository = Repository.open(str(place.parent / "inputs"), settings=settings)
    replay = _Replay(repository, plan, _made_before(output))
    with output.open("a", encoding="utf-8") as out:
        for job in plan["jobs"]:
            for line in replay.run(job):
                out.write(json.dumps(line) + "\n")
                out.flush()
        found = installed(Path(index) if index else None)
        facts = {"machine": machine(plan.get("image")), "distributions": found}
        out.write(json.dumps({"facts": facts}) + "\n")


def _made_before(results: Path) -> dict[str, str]:
    """What processes before this one made: by version, the one that was made instead."""
    if not results.exists():
        return {}
    lines = map(json.loads, results.read_text("utf-8").splitlines())
    return {line["id"]: line["made"][0] for line in lines if len(line.get("made", ())) == 1}


def _import_from(paths: list[str], *, library: str) -> None:
    """Let modules of the project come from `paths` alone, wherever an installation may lead."""
    others = [path for path in sys.path if path and not is_first_party("", f"{path}/x")]
    sys.path[:] = [*paths, library, *others]
    sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in _name(f).lower()]
    importlib.invalidate_caches()


def _name(finder: object) -> str:
    kind = finder if isinstance(finder, type) else type(finder)
    return f"{kind.__module__}.{kind.__qualname__}"


class _Replay:
    def __init__(self, repository: Repository, plan: dict[str, Any], made: dict[str, str]) -> None:
        self._repository = repository
        self._tolerance = float(plan["tolerance"])
        # By version that was to be made: the one that was made instead of it.
        self._made = made
        self._tables: list[Any] = []

    def run(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """One execution of a body; a line for each version that it makes."""
        began = time.perf_counter()
        try:
            function = _found(job["function"])
            value, seconds = self._call(function, job)
            changed = _leaves(function, job)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            failed: dict[str, Any] = {
                "verdict": FAILED,
                "after": None,
                "note": _said(error),
                "made": [],
            }
            seconds = time.perf_counter() - began
            return [{**failed, "id": item["id"], "seconds": seconds} for item in job["wanted"]]
        lines = [self._line(item, job, value) for item in job["wanted"]]
        return [{**line, "seconds": seconds, "leaves": changed} for line in lines]

    def _call(self, function: Any, job: dict[str, Any]) -> tuple[Any, float]:
        step = Step(function, job["step"])
        self._tables = []
        given = Given(
            lambda name: self._input(job["inputs"], name, step),
            lambda told: self._repository.load(self._repository.record(told["id"])),
            _secret,
        )
        parameters = given.all(job["parameters"])
        values = {
            name: value if name in step.handle_parameters else self._seen(loaded(value))
            for name, value in parameters.items()
        }
        bound = inspect.BoundArguments(step.signature, OrderedDict(values))
        began = time.perf_counter()
        value = function(*bound.args, **bound.kwargs)
        if inspect.isawaitable(value) or inspect.isasyncgen(value):
            value = asyncio.run(_drained(value))
        value = list(value) if inspect.isgenerator(value) else value
        return loaded(value), time.perf_counter() - began

    def _input(self, inputs: dict[str, str], name: str, step: Step) -> Version:
        if name not in inputs:
            raise NotFoundError(f"the record names no input {name!r}: run the step itself")
        version_id = inputs[name]
        # Who receives a handle may keep its id: the recorded one, as long as its bytes are there.
        is_handle = _NAME.split(name, maxsplit=1)[0] in step.handle_parameters
        if not (is_handle and self._is_there(version_id)):
            version_id = self._made.get(version_id, version_id)
        return Version.of(self._repository, self._repository.record(version_id))

    def _is_there(self, version_id: str) -> bool:
        try:
            return self._repository.is_live(self._repository.record(version_id))
        except VersioningError:
            return False

    def _inputs(self, job: dict[str, Any]) -> Iterator[Input]:
        """What was read now; an adapter finds its base there."""
        step = Step(_found(job["function"]), job["step"])
        for name in job["inputs"]:
            with suppress(NotFoundError):
                read = self._input(job["inputs"], name, step)
                yield Input(name, read.id, read.digest, read.seal)

    def _seen(self, value: Any) -> Any:
        """Remember the tables among the arguments: models are asked about them."""
        items = value if isinstance(value, list | tuple) else [value]
        self._tables += [item for item in items if hasattr(item, "columns")]
        return value

    def _line(self, item: dict[str, Any], job: dict[str, Any], value: Any) -> dict[str, Any]:
        position = item["position"]
        try:
            mine = value if position is None else value[position]
            after = digest_as_committed(mine)
            made = self._keep(item, job, mine)
        except (VersioningError, IndexError, TypeError, KeyError) as error:
            note = f"what it returned cannot be kept: {_said(error)}"
            return {"id": item["id"], "verdict": FAILED, "after": None, "note": note, "made": []}
        line = {"id": item["id"], "after": after, "made": made, "note": "", "verdict": IDENTICAL}
        if after == item["digest"]:
            return line
        found = self._difference(item["id"], mine) if item["there"] else "its bytes are gone"
        return {**line, "verdict": DIFFERENT if found else EQUAL, "note": found or "equal in value"}

    def _difference(self, version_id: str, value: Any) -> str | None:
        record = self._repository.record(version_id)
        before: Any
        if parts := record.meta.get("outputs"):
            load = self._repository.load
            before = tuple(load(self._repository.record(part["id"])) for part in parts)
            value = tuple(value)
        else:
            before = self._repository.load(record)
        return difference(before, value, self._tolerance, self._tables)

    def _keep(self, item: dict[str, Any], job: dict[str, Any], value: Any) -> list[str]:
        """Store what was made beside the inputs, bound to no key."""
        leaves = (text_leaf("rerun", item["id"]),)
        draft = Draft(
            key=root_key(leaves),
            leaves=leaves,
            step=job["step"],
            function=job["function"],
            created=datetime.now(UTC),
            seconds=0.0,
            inputs=tuple(self._inputs(job)),
        )
        values = value if isinstance(value, tuple) and value else (value,)
        codec = item["codec"] if len(values) == 1 and not isinstance(value, tuple) else None
        made = [self._repository.commit(v, draft, bind=False, codec=codec).id for v in values]
        if not isinstance(value, tuple):
            self._made[item["id"]] = made[0]
        return made


async def _drained(value: Any) -> Any:
    return [item async for item in value] if inspect.isasyncgen(value) else await value


def _found(name: str) -> Any:
    """The body that a record names, without what makes it a task.

    Raises:
        NotFoundError: If it cannot be imported; says why.
    """
    module, _, qualified = name.partition(":")
    if "<" in qualified or module in {"__main__", "__mp_main__"}:
        raise NotFoundError(
            f"{name} stands in a notebook, a shell or another function, where nothing can import "
            "it: move it to the top of a module, and versions made from then on can be made again"
        )
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        try:
            found = (
                inspect.getattr_static(found, part)
                if isinstance(found, type)
                else getattr(found, part)
            )
        except AttributeError:
            raise NotFoundError(f"the source has no {name} any more") from None
    found = getattr(found, "__func__", found)
    if (body := getattr(found, "__versioning_step__", None)) is not None:
        return body
    is_task = type(found).__module__.startswith("prefect.") or hasattr(found, "submit")
    return found.fn if is_task and hasattr(found, "fn") else found


def _leaves(function: Any, job: dict[str, Any]) -> dict[str, str]:
    """The leaves of code and environment that the body has here."""
    try:
        code = code_leaves(function)
        leaves = (*code.leaves, *environment_leaves(code.distributions))
    except VersioningError:
        return {}
    return {leaf.name: leaf.digest for leaf in leaves}


def _secret(name: str, kind: str) -> Any:
    """A secret of its recorded type, from a variable: what is recorded is its digest alone."""
    variable = f"{SECRETS}{name.upper()}"
    text = os.environ.get(variable)
    if text is None:
        raise NotFoundError(
            f"parameter {name} is a secret, and secrets are not kept: set {variable}, and the "
            "rerun passes it on"
        )
    module, _, qualified = kind.partition(":")
    if module == "builtins" and qualified != "str":
        raise NotFoundError(
            f"parameter {name} is a {qualified} with a secret in it, which no variable gives back: "
            "run the step itself; a secret that is a parameter of its own can be passed on"
        )
    if module == "builtins":
        return text
    if module.partition(".")[0] == "prefect":
        return getattr(importlib.import_module(module), qualified)(value=text)
    import pydantic

    return (
        pydantic.SecretBytes(text.encode())
        if qualified == "SecretBytes"
        else pydantic.SecretStr(text)
    )


def _said(error: BaseException) -> str:
    if isinstance(error, VersioningError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f" ({Path(last.filename).name}:{last.lineno})" if last else ""
    return f"{type(error).__name__}: {error}{where}"


if __name__ == "__main__":
    main(*sys.argv[1:])
