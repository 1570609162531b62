"""The walk over everything that a function reaches, one object at a time.

The walk follows live objects; `bodies` says what is in each. Each first-party function, class and
constant is a leaf of its own (`code/module:name`): the digest of what it says itself and of which
objects its names stand for. So an edit changes the leaf of what was edited and no other. The
standard library is the Python version, all else a distribution.
"""

from __future__ import annotations

import sys
from collections import deque
from io import IOBase
from pathlib import Path
from types import FunctionType, GeneratorType, ModuleType
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

from versioning.code import bodies, hints, wrappers
from versioning.code.carried import follow_carried
from versioning.code.log import MISSING, Log, Seen, digest_with
from versioning.code.lookup import Found, Lookup
from versioning.code.objects import (
    ATOMS,
    BUILTINS,
    Place,
    code_in,
    containers_in,
    inner_function,
    is_nameless,
    is_ours,
    is_typing,
    portable,
    qualified_name,
    unwrapped,
)
from versioning.code.places import (
    distribution_of,
    file_of_module,
    is_first_party,
    module_name,
    root_of,
    written_in,
)
from versioning.code.renames import reads_frames
from versioning.code.unnamed import accessors, files_read, follow_acts
from versioning.digest import digest_bytes
from versioning.encoding import file_digest, preview
from versioning.errors import UnkeyableError
from versioning.keys import Leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from versioning.code.definitions import Piece
    from versioning.code.files import Files
    from versioning.code.lookup import Scope
    from versioning.code.objects import Contents
    from versioning.code.scopes import Ref

    _Parts = Callable[["Walk", Any, str], list[bytes]]

_TAG = b"prefect-versioning code 1\n"
# What the source that makes it can never tell.
_HANDLES = (IOBase, ReferenceType, GeneratorType)


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
        self._queue: deque[tuple[_Parts, Any, str]] = deque()
        self._accessors = accessors()
        self._homes: dict[tuple[int, str], str | None] = {}
        self._foreign: set[int] = set()
        self._taken: dict[str, int] = {}
        self._labelled: dict[str, Any] = {}
        self._valued: dict[str, list[tuple[Any, str]]] = {}

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
            return self.value(value, label, found)
        follow = _EXACTLY.get(kind)
        if follow is not None:
            return follow(self, value, label)
        value = unwrapped(value)
        for kinds, follow in _KINDS:
            if isinstance(value, kinds) and not is_typing(value):
                return follow(self, value, label)
        if is_typing(value):
            return hints.followed(self, value, label, found)
        inner = None if is_ours(type(value)) else inner_function(value)
        if inner is None:
            return self.value(value, label, found)
        wire = self.reach(inner, label)
        return wire + wrappers.call_that_made(self, found) if found and found.name else wire

    def follow(self, ref: Ref, scope: Scope) -> bytes:
        """Follow what `ref` stands for in `scope`; the two, as the referring digest has them."""
        found = self.lookup.find(ref, scope)
        value, wire = found.value, found.label
        if not found.scope.top.has_acted:
            follow_acts(self, found.scope.top)
        if type(value) is FunctionType:
            wire = self._function(value, wire)
            if found.name and id(value) in self._foreign:
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

    def default(self, value: Any, label: str, piece: Piece | None, scope: Scope) -> list[bytes]:
        """Follow a default value; one that cannot be keyed, by the source that makes it."""
        try:
            return [self.reach(value, label, Found(value, label, scope)).encode()]
        except UnkeyableError:
            if piece is None or isinstance(value, _HANDLES):
                raise
        self._warn_of_source(label)
        return self.piece(piece, scope)

    def add_value(self, label: str, look: Callable[[], Any], held: Contents | None = None) -> None:
        """Add the leaf `label`: a value that `look` finds, and is asked for again at each call.

        Args:
            label: What to call it.
            look: Finds it.
            held: The containers that it was made of; see `Seen`.
        """
        value = look()
        digest = digest_with(self, value, path=label)
        shown = value.text if isinstance(value, Place) else preview(value)
        self.leaves[f"code/{label}"] = Leaf(f"code/{label}", digest, shown)
        if held != []:
            self.log.values.append(Seen(look, label, digest, held))

    def add(self, label: str, parts: Iterable[bytes]) -> None:
        """Add the leaf `label`, made of `parts`."""
        name = f"code/{label}"
        digest = digest_bytes(_TAG + b"".join([b"%d:%b" % (len(part), part) for part in parts]))
        self.leaves[name] = Leaf(name, digest)

    def unique(self, label: str) -> str:
        """`label`, or something like it: two objects may have one name, such as closures."""
        count = self._taken[label] = self._taken.get(label, 0) + 1
        return label if count == 1 else f"{label}#{count}"

    def claim(self, label: str, value: object) -> bool:
        """Call `value` `label`; False when something is called that already."""
        is_new = label not in self._labelled
        self._labelled.setdefault(label, value)
        return is_new

    def _function(self, function: FunctionType, _: str) -> str:
        known = self.log.names.get(id(function))
        if known is not None:
            return known
        code = function.__code__
        module = self._module_of(function, code.co_filename)
        if module is None:
            self._foreign.add(id(function))
            return wrappers.library_function(self, function)
        return self._enqueue(function, f"{module}:{code.co_qualname}", bodies.function_parts)

    def _module_of(self, function: FunctionType, file: str) -> str | None:
        """The project's module that a function was written in, or None."""
        home = (id(function.__globals__), file)
        if home in self._homes:
            return self._homes[home]
        name = written_in(function)
        found = module_name(name, file) if is_first_party(name, file) else None
        if "__name__" in function.__globals__:
            # Shared by all functions of the file.
            self._homes[home] = found
        return found

    def _class(self, cls: type, label: str) -> str:
        known = self.log.names.get(id(cls))
        if known is not None:
            return known
        if not is_ours(cls):
            self.uses(cls.__module__)
            self.reads_hints |= cls.__name__ in hints.READERS
            return qualified_name(cls)
        if is_nameless(cls):
            return self._enqueue(cls, label, bodies.class_parts)
        module = module_name(cls.__module__, bodies.file_of_class(cls))
        return self._enqueue(cls, f"{module}:{cls.__qualname__}", bodies.class_parts)

    def _module(self, module: ModuleType, _: str) -> str:
        """A module that is passed around whole: all that its source binds."""
        file = file_of_module(module)
        name = module_name(module.__name__, file)
        if not is_first_party(module.__name__, file):
            self.uses(module.__name__)
        elif file is not None and not file.endswith((".py", "/")):
            self._extension(name, file)
        elif id(module) not in self.log.names:
            self._enqueue(module, name, bodies.module_parts)
        return f"module {name}"

    def _builtin(self, value: Any, label: str) -> str:
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, ModuleType):
            return f"{value.__name__} of {self.reach(owner, label)}"
        module = sys.modules.get(str(getattr(value, "__module__", None)))
        if module is not None:
            self._module(module, label)
        name = qualified_name(value)
        self.reads_frames = self.reads_frames or reads_frames(name)
        return name

    def _extension(self, module: str, file: str) -> None:
        """A first-party module without Python source: its bytes."""
        name = f"code/{module}"
        if name not in self.leaves:
            self.leaves[name] = Leaf(name, file_digest(Path(file)))

    def value(self, value: Any, label: str, found: Found | None) -> str:
        """Key `value` itself, or the source that makes it; see `reach`."""
        known = self._valued.setdefault(label, [])
        name = next((name for seen, name in known if seen is value), None)
        if name is not None:
            return name
        if type(value) not in ATOMS:
            # A function around which the value was put keeps the name that both have.
            for item in code_in(value):
                self.reach(item, qualified_name(item))
        plain, label = label, self.unique(label)
        known.append((value, label))
        top = found.scope.top if found else None
        root = root_of(top.module, top.path) if top and top.path else None
        # Before it is digested: what changes in the meantime must not look unchanged.
        held = containers_in(value) if portable(value, root) is value else None
        try:
            self.add_value(label, lambda: portable(value, root), held)
        except UnkeyableError:
            piece = self._maker(value, found)
            if piece is None or found is None:
                # Whoever asks for it again shall hear it, too.
                known.pop()
                self._taken[plain] -= 1
                raise
            self._warn_of_source(label)
            # It may be made of what it was before.
            self.add(label, [piece.form])
            self.add(label, self.piece(piece, found.scope))
            for name, look in files_read(piece.form, found.scope.top):
                self.add_value(name, look)
        return label

    def _enqueue(self, value: Any, label: str, parts: _Parts) -> str:
        name = self.unique(label)
        self.log.name(value, name)
        self._queue.append((parts, value, name))
        return name

    def _maker(self, value: Any, found: Found | None) -> Piece | None:
        """The source that makes an object whose state cannot be keyed: a client, a console."""
        if found is None or not found.name or isinstance(value, _HANDLES):
            return None
        file = found.scope.top.file
        return file.binding(found.name) if file else None

    def _warn_of_source(self, label: str) -> None:
        self.warn(f"{label} cannot be keyed by its value, so it is keyed by what makes it")


_KINDS: tuple[tuple[Any, Callable[[Walk, Any, str], str]], ...] = (
    (FunctionType, Walk._function),  # noqa: SLF001 - the table belongs to the class
    (type, Walk._class),  # noqa: SLF001
    (ModuleType, Walk._module),  # noqa: SLF001
    (BUILTINS, Walk._builtin),  # noqa: SLF001
)
_EXACTLY = {
    kind: follow
    for kinds, follow in _KINDS
    for kind in (kinds if isinstance(kinds, tuple) else (kinds,))
}
