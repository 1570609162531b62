"""Names to objects: what a reference stands for, found without running code of the project.

Followed are globals, closure cells, imports in bodies, attributes of first-party modules, of
instances and of classes that are plain data. What a distribution's module holds is its version's.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from dataclasses import dataclass, field
from enum import EnumType
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from versioning.code.log import MISSING, Log
from versioning.code.objects import is_ours
from versioning.code.places import file_of_module, is_first_party, module_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CellType

    from versioning.code.files import File, Files
    from versioning.code.scopes import Ref

_PLAIN: Any = object.__getattribute__
# What is called the same wherever it is imported.
_OWN_NAMES = (FunctionType, type, ModuleType)
# Facts about where a module lies, which must not count.
_PLACES = frozenset(
    {"__name__", "__file__", "__path__", "__spec__", "__loader__", "__package__"}
    | {"__builtins__", "__cached__", "__debug__", "__class__"}
)
# What the normal form of a function leaves out, and code may read all the same.
_TEXTS = frozenset({"__doc__", "__annotations__"})
# Of builtins; methods among them are a shell's own.
_NOT_OURS = (BuiltinFunctionType, MethodType)
# What Python puts among the builtins of a shell: `exit`, `help`.
_SITE = "_sitebuiltins"
# What a `singledispatch` function offers; its registry says what each would do.
_DISPATCH = frozenset({"dispatch", "register", "registry"})


@dataclass(slots=True, eq=False)
class Namespace:
    """The top level of a module, as one walk sees it.

    Attributes:
        globals: Its names.
        module: What the module is called.
        path: The file it was loaded from, or None.
        files: What reads that file.
        wires: What references stand for that were followed already.
        is_entered: Whether the modules that it loads for what they do were followed.
        has_acted: Whether what it does when it is loaded was followed.
    """

    globals: dict[str, Any]
    module: str
    path: str | None
    files: Files
    wires: dict[Ref, bytes] = field(default_factory=dict)
    is_entered: bool = False
    has_acted: bool = False

    @property
    def file(self) -> File | None:
        """The text of the file."""
        return self.files.file(self.path, self.globals) if self.path else None


class Scope(NamedTuple):
    """Where references are read.

    Attributes:
        top: The module's names.
        cells: Closure cells by name.
        owner: What the function that has the cells is called.
    """

    top: Namespace
    cells: Mapping[str, CellType]
    owner: str


class Found(NamedTuple):
    """What a reference stands for.

    Attributes:
        value: The object, or MISSING when there is none or it is a distribution's.
        label: What it is called, as `module:NAME.attribute`.
        scope: The module that made it.
        name: The name that the module binds it to; empty when it is not bound by a module.
        rest: Attributes that were not followed.
    """

    value: Any
    label: str
    scope: Scope
    name: str = ""
    rest: tuple[str, ...] = ()

    def with_attribute(self, name: str, value: Any) -> Found:
        """The attribute `name` of what was found."""
        return self._replace(value=value, label=f"{self.label}.{name}")


class Lookup:
    """Resolves references and notes in `log` what was looked at."""

    def __init__(
        self, files: Files, log: Log, *, uses: Callable[[str], None], warn: Callable[[str], None]
    ) -> None:
        """Begin.

        Args:
            files: What reads files.
            log: Where what was seen is noted.
            uses: Told each module of a distribution that is reached.
            warn: Told what cannot be followed.
        """
        self.files = files
        self.log = log
        self.uses = uses
        self.warn = warn
        # What runs when a module is loaded may have changed what was looked at before.
        self.has_loaded = False
        self._tops: dict[tuple[int, str, str | None], Namespace] = {}

    def top(self, names: dict[str, Any], module: str, path: str | None) -> Namespace:
        """The top level that has `names`, of `module` in the file at `path`."""
        identity = (id(names), module, path)
        known = self._tops.get(identity)
        if known is None:
            known = self._tops[identity] = Namespace(names, module, path, self.files)
        return known

    def function_scope(self, function: FunctionType, owner: str) -> Scope:
        """Of the body of `function`, which is called `owner`."""
        code, held = function.__code__, function.__closure__
        cells = dict(zip(code.co_freevars, held, strict=True)) if held else {}
        module, path = owner.partition(":")[0], code.co_filename
        return Scope(self.top(function.__globals__, module, path), cells, owner)

    def module_scope(self, module: ModuleType) -> Scope:
        """Of the top level of `module`."""
        path = file_of_module(module)
        name = module_name(module.__name__, path)
        return Scope(self.top(vars(module), name, path), {}, name)

    def find(self, ref: Ref, scope: Scope) -> Found:
        """What `ref` stands for in `scope`."""
        if ref.module is not None:
            return self._follow(self._imported(ref.module, scope), ref.path)
        if ref.root in scope.cells:
            value = self.log.cell(scope.cells[ref.root])
            return self._follow(Found(value, f"{scope.owner}({ref.root})", scope), ref.path)
        if ref.root in _PLACES:
            return Found(MISSING, ref.root, scope)
        value, module = self.log.read(scope.top.globals, ref.root), scope.top.module
        if value is MISSING:
            value = self._left_behind(ref.root, scope.top)
        if value is MISSING:
            value = self.log.read(vars(builtins), ref.root)
            module = module if value is MISSING else "builtins"
            if _is_pythons(value):
                return Found(MISSING, f"{module}:{ref.root}", scope)
        found = Found(value, f"{module}:{ref.root}", scope, ref.root)
        if not isinstance(value, _OWN_NAMES):
            found = self._origin(found)
        return self._follow(found, ref.path) if ref.path else found

    def _left_behind(self, name: str, top: Namespace) -> Any:
        """What a script imports by a name that its function, sent to another process, came without.

        Only what a body reads travels with it; what decorates it does not.
        """
        if "__spec__" in top.globals or top.file is None:
            return MISSING
        ref = top.file.imports.get(name)
        module = sys.modules.get(absolute(ref.module, top)) if ref and ref.module else None
        return self.log.ask(module, ref.path[0]) if ref and module else MISSING

    def _follow(self, found: Found, path: tuple[str, ...]) -> Found:
        for index, name in enumerate(path):
            further = self._step(found, name)
            if further is None:
                return found._replace(rest=path[index:])
            found = further
        return found

    def _step(self, found: Found, name: str) -> Found | None:
        if isinstance(found.value, ModuleType):
            # A module whose class is the project's may answer in any way, its names are all of it.
            is_plain = type(found.value) is ModuleType or not is_ours(type(found.value))
            is_plain = is_plain and name != "__dict__"
            return self._member(found.value, name, found.scope) if is_plain else None
        if isinstance(found.value, type):
            return self._class_data(found.value, name, found)
        return self._state(found.value, name, found)

    def _member(self, module: ModuleType, name: str, scope: Scope) -> Found:
        if not is_first_party(module.__name__, file_of_module(module)):
            self.uses(module.__name__)
            return Found(MISSING, f"{module.__name__}:{name}", scope)
        inside = self.module_scope(module)
        value = self.log.read(vars(module), name)
        if value is MISSING:
            value = self._submodule(module, name)
        return self._origin(Found(value, f"{inside.top.module}:{name}", inside, name))

    def _submodule(self, module: ModuleType, name: str) -> Any:
        full = f"{module.__name__}.{name}"
        if "__path__" in vars(module) and self._spec(full) is not None:
            return self._load(full)
        # A module may make names when they are asked for, another thing each time.
        return self.log.ask(module, name) if "__getattr__" in vars(module) else MISSING

    def _class_data(self, cls: type, name: str, found: Found) -> Found | None:
        """An attribute of a class that is data, found as the class would find it."""
        module = sys.modules.get(cls.__module__)
        if module is None or not is_ours(cls) or hasattr(getattr(type(cls), name, None), "__set__"):
            return None
        if type(cls).__getattribute__ is not type.__getattribute__:
            return None
        if isinstance(cls, EnumType) and name in cls.__members__:
            # The class says what its members are.
            return None
        for base in cls.__mro__:
            value = self.log.read(vars(base), name)
            if value is not MISSING:
                scope = self.module_scope(module)
                label = f"{scope.top.module}:{cls.__qualname__}.{name}"
                is_data = not hasattr(type(value), "__get__")
                top = cls.__qualname__.partition(".")[0]
                return Found(value, label, scope, top) if is_data else None
        return None

    def _state(self, value: Any, name: str, found: Found) -> Found | None:
        """An attribute that an instance itself holds, unless its class answers in its place."""
        if isinstance(value, FunctionType) and name in _TEXTS:
            return found.with_attribute(name, self.log.ask(value, name))
        if isinstance(value, FunctionType) and name in _DISPATCH and hasattr(value, "registry"):
            return None
        held = getattr(value, "__dict__", None)
        cls = type(value)
        is_plain = cls is SimpleNamespace or cls.__getattribute__ is _PLAIN
        if (
            not isinstance(held, dict)
            or not is_plain
            or hasattr(getattr(cls, name, None), "__set__")
        ):
            return None
        kept = self.log.read(held, name)
        return None if kept is MISSING else found.with_attribute(name, kept)

    def _origin(self, found: Found) -> Found:
        """Of a constant the module that made it; functions and classes say it themselves."""
        return found if isinstance(found.value, _OWN_NAMES) else self.origin(found)

    def origin(self, found: Found) -> Found:
        """The module that made something which others import under names of their own."""
        seen = {found.label}
        while True:
            file = found.scope.top.file if found.value is not MISSING else None
            ref = file.imports.get(found.name) if file else None
            module = ref and ref.module and sys.modules.get(absolute(ref.module, found.scope.top))
            if not module or not ref or vars(module).get(ref.path[0], MISSING) is not found.value:
                return found
            if not is_first_party(module.__name__, file_of_module(module)):
                return found
            scope = self.module_scope(module)
            found = Found(found.value, f"{scope.top.module}:{ref.path[0]}", scope, ref.path[0])
            if found.label in seen:
                return found
            seen.add(found.label)

    def _imported(self, module: str, scope: Scope) -> Found:
        name = absolute(module, scope.top)
        loaded = self.log.read(sys.modules, name)
        if loaded is MISSING:
            spec = self._spec(name)
            if spec is not None and is_first_party(name, spec.origin):
                loaded = self._load(name)
            else:
                self.uses(name)
        elif isinstance(loaded, ModuleType) and not is_first_party(name, file_of_module(loaded)):
            # Whether another step has loaded a distribution's module already must not show.
            self.uses(name)
            loaded = MISSING
        return Found(loaded, name, scope)

    def _spec(self, name: str) -> Any:
        try:
            top = importlib.util.find_spec(name.partition(".")[0])
            is_ours = top is not None and is_first_party(top.name, top.origin)
            return importlib.util.find_spec(name) if is_ours else top
        except (ImportError, AttributeError, ValueError):
            return None

    def _load(self, name: str) -> Any:
        """Import a first-party module that the body imports anyway."""
        try:
            loaded = importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever the project's module raises
            self.warn(f"{name} is imported by the body and cannot be followed ({error!r})")
            return MISSING
        self.has_loaded = True
        return loaded


def _is_pythons(value: Any) -> bool:
    """Whether Python itself has `value` among its builtins, where anybody may put more."""
    if isinstance(value, type):
        return value.__module__ == "builtins"
    if value is ... or value is NotImplemented:
        return True
    return type(value) in _NOT_OURS or type(value).__module__ == _SITE


def absolute(module: str, top: Namespace) -> str:
    """The full name of a module that a module at `top` imports by `module`."""
    if not module.startswith("."):
        return module
    package = top.globals.get("__package__") or top.module.rpartition(".")[0]
    try:
        return importlib.util.resolve_name(module, package)
    except ImportError:
        return module
