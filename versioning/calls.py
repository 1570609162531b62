"""Calls: a step with its parameters, from the moment it is keyed until its output is committed.

A call knows its key, finds the version that answers it, hands the body its values, notices what
the body reads, and commits what it returns.
"""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.api import Repository, Version
from versioning.arguments import givers, handles_in, is_light, loaded, was_changed
from versioning.capture import capture
from versioning.codecs import codec_named
from versioning.encoding import preview
from versioning.environment import environment_record
from versioning.errors import NotFoundError, UnkeyableError
from versioning.filesets import bound_with_files, file_leaves, files_of, remember_set
from versioning.hidden.paths import absolute
from versioning.hidden.reads import CHANCE, Read, advice, told, undeclared
from versioning.hidden.watch import current
from versioning.keys import Leaf, diff_leaves, root_key, text_leaf
from versioning.outputs import Output, digest_as_committed, is_whole, output_of, told_of_tuple
from versioning.parameters import from_givers, kept, refuse_secret
from versioning.records import OUTPUT
from versioning.repository import Draft
from versioning.settings import KEY
from versioning.trust import is_due, remember
from versioning.watching import root_of, watch_over

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from versioning.code import CodeClosure
    from versioning.digest import Key
    from versioning.hidden import Watch
    from versioning.records import Input, VersionRecord
    from versioning.steps import Step

# What parameters that decide over chance are called.
_SEEDS = ("seed", "random_state", "rng", "generator")


@dataclass
class Call:
    """A step with its parameters, from the moment it is keyed until its output is committed.

    Attributes:
        step: What is called.
        repository: Where its versions live.
        parameters: By name; sources are pinned, handles are not yet loaded.
        leaves: What the output depends on.
        inputs: Versions it reads.
        code: The closure of its body.
        found: The version that answers it, once `find` has seen one.
        committed: The version its own output became.
        lost: What is bound to its key and no answer: a tuple without a part, hidden reads.
        watch: What its body reads, once it runs.
        is_audit: Whether its body runs to be compared with what was found.
        changed: Parameters that its body changed in place, which a hit does not.
    """

    step: Step
    repository: Repository
    parameters: dict[str, Any]
    leaves: tuple[Leaf, ...]
    inputs: tuple[Input, ...]
    code: CodeClosure
    found: VersionRecord | None = field(default=None, compare=False)
    committed: VersionRecord | None = field(default=None, compare=False)
    lost: VersionRecord | None = field(default=None, compare=False)
    watch: Watch | None = field(default=None, compare=False)
    is_audit: bool = field(default=False, compare=False)
    changed: tuple[str, ...] = field(default=(), compare=False)
    _kept: dict[str, dict[str, Any]] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def key(self) -> Key:
        """What this call asks for."""
        return root_key(self.leaves)

    def is_audited(self, run: str) -> bool:
        """Whether, should this be a hit in `run`, its body is to run all the same."""
        share = self.repository.settings.audit
        if not share or self.step.volatile or self.step.effect:
            return False
        return is_due(share, self.key, run)

    def find(self) -> bool:
        """Look for a version that answers this call, and remember it."""
        if self._keys_files:
            self.found = bound_with_files(self.repository, self.leaves, self._root)
        else:
            self.found = self.repository.lookup(self.key)
        if self.found and not self._is_answer(self.found):
            self.found, self.lost = None, self.found
        return self.found is not None

    def answer(self) -> Output:
        """Handle of the version that was found; a tuple of them when the body returns a tuple."""
        assert self.found is not None
        self._tell_around(self.found)
        # Holding the parameters of a hit is only worth it where they hold no data.
        can_run = not (_is_async(self.step.function) or self.step.effect)
        can_run = can_run and all(map(is_light, self.parameters.values()))
        return self._output(self.found, self.recompute if can_run else None)

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """What the body is called with: values instead of handles, loaded now."""
        values = {
            name: value if name in self.step.handle_parameters else loaded(value)
            for name, value in self.parameters.items()
        }
        bound = inspect.BoundArguments(self.step.signature, OrderedDict(values))
        return list(bound.args), bound.kwargs

    @contextmanager
    def watching(self, arguments: Sequence[object]) -> Iterator[None]:
        """Notice what the body, which runs inside, reads and the key cannot see.

        Args:
            arguments: The values it is called with.

        Raises:
            FormatError: If there is no codec of the name that the step gives.
        """
        if self.step.codec is not None:
            codec_named(self.step.codec, allow_pickle=True)
        known = (arguments, self.parameters, self.step.code_deps)
        if self.repository.settings.capture:
            self.keep_parameters()
        self.watch = watch_over(
            self.step.function, self.leaves, known, self.repository, keys_files=self._keys_files
        )
        with self.watch.watching():
            yield

    def keep_parameters(self) -> dict[str, dict[str, Any]]:
        """Parameters as the record keeps them: those of the first time, as bodies change lists."""
        if self._kept is None:
            signature = self.step.signature
            hidden = self.step.secret_parameters
            parameters = self._with_givers(hidden | self.step.handle_parameters)
            self._kept = kept(parameters, signature, self.leaves, self.repository, secret=hidden)
        return self._kept

    def _with_givers(self, apart: Container[str]) -> dict[str, Any]:
        """Parameters, with the versions that gave them as values: these were read, too."""
        given, url = givers(), self.repository.url
        known = {item.name for item in self.inputs}
        found = dict(self.parameters)
        for name, value in self.parameters.items():
            if given and name not in apart:
                found[name] = from_givers(value, given, url)
            if found[name] is not value:
                read = handles_in(name, found[name])
                self.inputs += tuple(item for item in read if item.name not in known)
        return found

    @property
    def hidden(self) -> tuple[Read, ...]:
        """What its body read and its key cannot see, but for what the step is declared to do."""
        reads = self.watch.reads.values() if self.watch else ()
        return undeclared(reads, volatile=self.step.volatile, effect=self.step.effect)

    @property
    def lacks_seed(self) -> bool:
        """Whether its body drew numbers by chance, and no parameter of it is a seed."""
        names = (name.lower() for name in self.step.signature.parameters)
        is_seeded = any(word in name for name in names for word in _SEEDS)
        return not is_seeded and any(read.kind == CHANCE for read in self.hidden)

    def commit(
        self,
        value: Any,
        *,
        seconds: float,
        flow: str | None = None,
        run: Mapping[str, Any] | None = None,
        replace: bool = False,
        bind: bool = True,
    ) -> Output:
        """Make `value` the answer to this call.

        Args:
            value: What the body returned; a tuple becomes as many versions.
            seconds: How long that took.
            flow: Name of the flow.
            run: Facts of the run, for people.
            replace: Answer later calls with this value even where another one is bound.
            bind: Answer later calls at all; without it, `Repository.bind` must follow.

        Raises:
            UnkeyableError: If the value cannot be digested or stored exactly, or the step is
                strict and its body read what the key cannot see.
            StorageError: If it cannot be written; nothing answers the call then.
        """
        self._check_strict()
        self.changed = tuple(
            name
            for name, value in self.parameters.items()
            if name not in self.step.exclude and was_changed(name, value, self.leaves)
        )
        value = loaded(value)
        refuse_secret(value, self.step.name)
        draft = self.draft(value, seconds, flow, run or {})
        replace = replace or self.step.volatile
        if isinstance(value, tuple) and value:
            parts = [self._commit_part(draft, n, item) for n, item in enumerate(value)]
            meta = {
                **draft.meta,
                "outputs": [part.to_dict() for part in parts],
                **told_of_tuple(value),
            }
            draft = with_changes(draft, meta=meta)
            value = [str(part.digest) for part in parts]
        codec = None if "outputs" in draft.meta else self.step.codec
        if self.lost is not None:
            # It is whole by itself, and would be adopted.
            self.repository.unbind(self.lost)
        self.committed = self.repository.commit(
            value, draft, replace=replace, bind=bind, codec=codec
        )
        self._tell_around(self.committed)
        if draft.key != self.key:
            remember_set(self.repository, self.key, self.committed)
        return self._output(self.committed)

    def audit(
        self,
        value: Any,
        *,
        seconds: float,
        flow: str | None = None,
        run: Mapping[str, Any] | None = None,
    ) -> VersionRecord | None:
        """Compare what the body returned now with the version that was found, which stays.

        Args:
            value: What the body returned.
            seconds: How long that took.
            flow: Name of the flow.
            run: Facts of the run, for people.

        Returns:
            The version that the value became because it differs, bound to no key; else None.

        Raises:
            UnkeyableError: As `commit`.
        """
        assert self.found is not None
        self._check_strict()
        value = loaded(value)
        if digest_as_committed(value) == self.found.digest:
            remember(self.repository, self.found, None, now=datetime.now(UTC))
            return None
        facts = {**(run or {}), "audit_of": self.found.id}
        self.commit(value, seconds=seconds, flow=flow, run=facts, bind=False)
        remember(self.repository, self.found, self.committed, now=datetime.now(UTC))
        return self.committed

    def recompute(self) -> VersionRecord:
        """Run the body here and now and answer with what it returns, since the bytes are lost.

        Raises:
            NotFoundError: If code or a parameter has changed since: that would answer another call.
        """
        again = self.step.call(self.repository, self.parameters)
        if changed := [change.leaf for change in diff_leaves(self.leaves, again.leaves)]:
            raise NotFoundError(
                f"the bytes of a version of {self.step.name} are damaged or gone, and "
                f"{', '.join(changed)} changed since it was found: run the step again",
                key=self.key,
            )
        args, kwargs = again.arguments()
        began = time.perf_counter()
        with again.watching([*args, *kwargs.values()]):
            value = self.step.function(*args, **kwargs)
            value = loaded(list(value) if inspect.isgenerator(value) else value)
        draft = again.draft(value, time.perf_counter() - began, None, {"recomputed": True})
        return self.repository.commit(value, draft, replace=True, codec=self.step.codec)

    @property
    def _keys_files(self) -> bool:
        return self.repository.settings.files == KEY and not self.step.volatile

    @property
    def _root(self) -> str | None:
        return root_of(self.step.function)

    def _tell_around(self, record: VersionRecord) -> None:
        """What this step found in files, the body around it depends on, too."""
        if (around := current()) is not None:
            around.join(files_of(record), self._root)

    @property
    def _is_strict(self) -> bool:
        strict = self.step.strict
        return self.repository.settings.strict if strict is None else strict

    def _check_strict(self) -> None:
        if self._is_strict and (hidden := self.hidden):
            raise UnkeyableError(
                f"{self.step.name} is strict and read what its key cannot see: {told(hidden)}. "
                f"Nothing was stored. Pass it on instead ({advice(hidden)}), or set strict=False",
                reads=[read.to_dict() for read in hidden],
            )

    def draft(self, value: Any, seconds: float, flow: str | None, run: Mapping[str, Any]) -> Draft:
        """What is known of the version of `value` before it is stored; see `commit`.

        Raises:
            UnkeyableError: If its body read more files of the project than a key may hold.
        """
        meta: dict[str, Any] = {"value": preview(value), "environment": environment_record()}
        if run:
            meta["run"] = dict(run)
        if self.repository.settings.capture:
            meta["capture"] = self._captured()
        warnings = [*self.code.warnings, *(f"changes {name} in place" for name in self.changed)]
        if warnings:
            meta["warnings"] = warnings
        if self.watch is not None:
            meta["hidden"] = [read.to_dict() for read in self.hidden]
            meta |= {"files": KEY} if self._keys_files else {}
            meta |= {"determinism": self.watch.determinism} if self.watch.determinism else {}
        meta |= {name: True for name in ("volatile", "effect") if getattr(self.step, name)}
        leaves = (*self.leaves, *file_leaves(self.watch.files if self.watch else {}))
        return Draft(
            key=root_key(leaves),
            leaves=leaves,
            step=self.step.name,
            function=self.step.qualified_name,
            flow=flow,
            inputs=self.inputs,
            seconds=seconds,
            created=datetime.now(UTC),
            meta=meta,
        )

    def _captured(self) -> dict[str, Any]:
        declared = {absolute(path) for path in self.step.code_deps if isinstance(path, Path)}
        facts = capture(self.repository, declared | (self.watch.opened if self.watch else set()))
        if "failed" in facts:
            return facts
        return facts | {"parameters": self.keep_parameters()}

    def _commit_part(self, draft: Draft, position: int, value: Any) -> Version:
        leaves = (*draft.leaves, text_leaf(OUTPUT, str(position)))
        part = with_changes(
            draft,
            key=root_key(leaves),
            leaves=leaves,
            step=f"{draft.step}[{position}]",
            meta={**draft.meta, "value": preview(value)},
        )
        # Bound by the tuple alone: outputs of two runs of a body must never mix.
        record = self.repository.commit(value, part, bind=False, codec=self.step.codec)
        return Version.of(self.repository, record)

    def _output(
        self, record: VersionRecord, again: Callable[[], VersionRecord] | None = None
    ) -> Output:
        return output_of(self.repository, record, self.step.function, recompute=again)

    def _is_answer(self, record: VersionRecord) -> bool:
        """Whether a version can answer: all of a tuple is there; a strict step asks for more."""
        if self._is_strict and record.meta.get("hidden"):
            return False
        return is_whole(self.repository, record)


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
