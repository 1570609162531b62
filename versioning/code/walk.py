"""The walk over everything that a function reaches, one object at a time.

The walk follows live objects; `kinds` says what to do with each, `bodies` what is in it, and
`values` how what is neither code nor a module is keyed. Each first-party function, class and
constant is a leaf of its own (`code/module:name`): the digest of what it says itself and of which
objects its names stand for. So an edit changes the leaf of what was edited and no other. The
standard library is the Python version, all else a distribution.
"""

from __future__ import annotations

from collections import deque
from types import FunctionType
from typing import TYPE_CHECKING, Any

from versioning.code import hints, wrappers
from versioning.code.carried import follow_carried
from versioning.code.distributions import distribution_of
from versioning.code.kinds import EXACTLY, KINDS, name_function
from versioning.code.log import MISSING, Log
from versioning.code.lookup import Found, Lookup
from versioning.code.objects import (
    ATOMS,
    inner_function,
    is_ours,
    is_typing,
    qualified_name,
    unwrapped,
)
from versioning.code.renames import reads_frames
from versioning.code.unnamed import accessors, follow_acts
from versioning.code.values import key_value
from versioning.digest import digest_bytes
from versioning.keys import Leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from versioning.code.definitions import Piece
    from versioning.code.files import Files
    from versioning.code.lookup import Scope
    from versioning.code.scopes import Ref

    _Parts = Callable[["Walk", Any, str], list[bytes]]

_TAG = b"prefect-versioning code 1\n"


class Walk:
    """One walk; its attributes are what it found.

    Functions and classes are queued when they are first met and named at once, so that cycles end
    and long chains of calls do not nest.

    Attributes:
        leaves: By name.
        distributions: Versions by name.
        warnings: What could not be followed; a dict for its order.
        log: All that was looked at.
        root: The function whose default values are parameters of the call.
        files: What reads files.
        keeps_names: Whether names of local variables count.
        reads_frames: Whether something reached may look at local variables of others.
        keeps_hints: Whether annotations of signatures count.
        reads_hints: Whether something reached may look at annotations of signatures.
        forms: The source of all that was reached.
        carriers: Functions with attributes that were not followed yet, and their names.
        homes: The project's module, or None, by namespace and file of the functions in it.
        foreign: Ids of functions of libraries.
        taken: How many things have a name.
        valued: Values and what each is called, by what it would be called.
    """

    def __init__(
        self, root: object, files: Files, *, keeps_names: bool = False, keeps_hints: bool = False
    ) -> None:
        self.leaves: dict[str, Leaf] = {}
        self.distributions: dict[str, str] = {}
        self.warnings: dict[str, None] = {}
        self.log = Log()
        self.root = root
        self.files = files
        self.keeps_names = keeps_names
        self.reads_frames = False
        self.keeps_hints = keeps_hints
        self.reads_hints = False
        self.lookup = Lookup(files, self.log, uses=self.uses, warn=self.warn)
        self.forms: list[bytes] = []
        self.carriers: list[tuple[FunctionType, str]] = []
        self.homes: dict[tuple[int, str], str | None] = {}
        self.foreign: set[int] = set()
        self.taken: dict[str, int] = {}
        self.valued: dict[str, list[tuple[Any, str]]] = {}
        self._queue: deque[tuple[_Parts, Any, str]] = deque()
        self._accessors = accessors()
        self._labelled: dict[str, Any] = {}

    def run(self) -> None:
        """Follow all that was reached, and what that reaches."""
        while self._queue or self.carriers:
            if self._queue:
                parts, value, name = self._queue.popleft()
                self.add(name, parts(self, value, name))
            else:
                follow_carried(self)

    def warn(self, text: str) -> None:
        """Remember something that could not be followed."""
        self.warnings[text] = None

    def uses(self, module: str) -> None:
        """Remember the distribution that holds `module`."""
        self.reads_frames = self.reads_frames or reads_frames(f"{module}:")
        if (found := distribution_of(module)) is not None:
            self.distributions[found[0]] = found[1]

    def name_of(self, value: Any) -> str:
        """What a function or class inside a value is called; it is followed."""
        return self.reach(value, qualified_name(value))

    def reach(self, value: Any, label: str, found: Found | None = None) -> str:
        """Follow `value`.

        Args:
            value: Any object.
            label: What to call it when it has no name of its own.
            found: How it was found, for the source that makes it.

        Returns:
            What stands for it in the digest of what refers to it.

        Raises:
            UnkeyableError: If it cannot be keyed exactly.
        """
        # Nearly all there is, so asked first.
        kind = type(value)
        if kind in ATOMS:
            return key_value(self, value, label, found)
        follow = EXACTLY.get(kind)
        if follow is not None:
            return follow(self, value, label)
        value = unwrapped(value)
        for kinds, follow in KINDS:
            if isinstance(value, kinds) and not is_typing(value):
                return follow(self, value, label)
        if is_typing(value):
            return hints.followed(self, value, label, found)
        inner = None if is_ours(type(value)) else inner_function(value)
        if inner is None:
            return key_value(self, value, label, found)
        wire = self.reach(inner, label)
        return wire + wrappers.call_that_made(self, found) if found and found.name else wire

    def follow(self, ref: Ref, scope: Scope) -> bytes:
        """Follow what `ref` stands for in `scope`; the two, as the referring digest has them."""
        found = self.lookup.find(ref, scope)
        value, wire = found.value, found.label
        if not found.scope.top.has_acted:
            follow_acts(self, found.scope.top)
        if type(value) is FunctionType:
            wire = name_function(self, value, wire)
            if found.name and id(value) in self.foreign:
                wire += wrappers.call_that_made(self, found)
        elif value is not MISSING:
            wire = self.reach(value, wire, found)
        elif ref.name in hints.READERS:
            self.reads_hints = True
        pair = f"{ref}={wire}".encode("utf-8", "surrogatepass")
        if not scope.cells:
            # The same for every function of the module.
            scope.top.wires[ref] = pair
        return pair

    def piece(self, piece: Piece, scope: Scope) -> list[bytes]:
        """Follow all that a piece of source reads."""
        self.forms.append(piece.form)
        for text in piece.warnings:
            self.warn(f"{scope.owner}: {text}")
        for accessor in self._accessors:
            if accessor.mention in piece.form:
                self.log.read(vars(accessor.owner), accessor.name)
                self.reach(accessor.held, accessor.name)
        known = {} if scope.cells else scope.top.wires
        return [piece.form, *[known.get(ref) or self.follow(ref, scope) for ref in piece.refs]]

    def add(self, label: str, parts: Iterable[bytes]) -> None:
        """Add the leaf `label`, made of `parts`."""
        name = f"code/{label}"
        digest = digest_bytes(_TAG + b"".join([b"%d:%b" % (len(part), part) for part in parts]))
        self.leaves[name] = Leaf(name, digest)

    def unique(self, label: str) -> str:
        """`label`, or something like it: two objects may have one name, such as closures."""
        count = self.taken[label] = self.taken.get(label, 0) + 1
        return label if count == 1 else f"{label}#{count}"

    def claim(self, label: str, value: object) -> bool:
        """Call `value` `label`; False when something is called that already."""
        is_new = label not in self._labelled
        self._labelled.setdefault(label, value)
        return is_new

    def enqueue(self, value: Any, label: str, parts: _Parts) -> str:
        """Name `value` something like `label` now, and ask for its parts later; its name."""
        name = self.unique(label)
        self.log.name(value, name)
        self._queue.append((parts, value, name))
        return name
