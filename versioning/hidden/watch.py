"""`Watch`: notices what one body reads that its key cannot see, while the body runs.

It hears of them by audit events (`events`), a profile function (`calls`), and a few wrappers in
the standard library; all are installed by the first body that is watched. Whose event it is, a
context variable tells: it follows a body into tasks, into threads and pools that the body starts,
and into no others. Nothing here may fail or stop what it watches.
"""

from __future__ import annotations

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import thread as pools
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from versioning.hidden import calls, events, generators, paths
from versioning.hidden.contents import ABSENT, WORKING, changed, content, found_at, identity
from versioning.hidden.frames import asker
from versioning.hidden.reads import CHANCE, ENVIRONMENT, FILE, Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from versioning.digest import Digest

# What a body that walks a large folder read is told by its beginning.
MOST = 200
_watch: ContextVar[Watch | None] = ContextVar("versioning_watch", default=None)
_running: set[Watch] = set()
_WORKER: Any = vars(pools)["_worker"]


class Watch:
    """What one execution of a body reads.

    Attributes:
        reads: By kind and what, in the order they were noticed.
        seeded: Shared generators that were seeded by now.
        was_alone: Whether no other body ran at the same time.
        thread: The thread the body runs in.
        waiting: This watch and those around it, whose bodies wait for this one.
        files: What was found in files of the project, by name, where these are leaves of the key.
        opened: Files and folders of the project that were read, whoever asked, for a rerun.
        determinism: Seeds and threads that the body set, by `deterministic`.
        others: Watches of bodies that ran at the same time, as long as this one runs.
        may_seed: Whether the code of the step seeds shared generators.
    """

    def __init__(
        self,
        *,
        root: str | None = None,
        known: Iterable[str] = (),
        may_seed: Callable[[], bool] = lambda: False,
        may_draw: Callable[[str], bool] = lambda _: False,
        keys_files: bool = False,
        folder: str | None = None,
    ) -> None:
        """Prepare to watch.

        Args:
            root: Folder of the project, absolute, to which files are told relative.
            known: Files and folders, as `paths.real` gives them, that may be read.
            may_seed: Whether the code of the step seeds shared generators; asked at most once.
            may_draw: Whether it draws from one; asked where another body ran at the same time.
            keys_files: Whether files of the project are leaves of the key, and so not hidden.
            folder: Folder of the project, or of the body's module where no project is.
        """
        self.reads: dict[tuple[str, str], Read] = {}
        self.seeded: set[str] = set()
        self.was_alone = True
        self.thread = 0
        self.waiting: frozenset[Watch] = frozenset()
        self.files: dict[str, Digest] = {}
        self._identities: dict[str, tuple[str, tuple[int, ...] | None]] = {}
        self._keys_files = keys_files
        self._working = ABSENT
        self._root = root
        self._roots = () if root is None else (root, paths.real(root))
        self.opened: set[str] = set()
        self._folders = () if folder is None else (folder, paths.real(folder))
        self._known = frozenset(known)
        self._made: set[str] = set()
        self.may_seed = may_seed
        self._may_draw = may_draw
        self.others: list[Watch] = []
        self.determinism: dict[str, Any] = {}
        self._is_over = False
        self._states: dict[str, Any] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what runs inside."""
        _install()
        if self._keys_files:
            with suppress(OSError):
                self._working = found_at(self._root, WORKING)
        around = _watch.get()
        if around is not None:
            around.compare_generators()
        token = _watch.set(self)
        self.thread = threading.get_ident()
        self._meet(around)
        self._states = generators.states()
        calls.begin(current)
        try:
            yield
        finally:
            calls.end()
            self.compare_generators()
            self._look_again()
            _running.discard(self)
            self.others.clear()
            self._is_over = True
            _watch.reset(token)
            if around is not None:
                around.resume()

    def _meet(self, around: Watch | None) -> None:
        """Remember who runs at once; bodies around this one in its thread wait for it."""
        if around is not None and around.thread == self.thread:
            self.waiting = around.waiting
        self.waiting |= {self}
        others = _running - self.waiting
        _running.add(self)
        for watch in others:
            watch.was_alone = self.was_alone = False
            watch.others.append(self)
            self.others.append(watch)

    def resume(self) -> None:
        """Go on after a body inside this one: what that one drew is its own affair."""
        self._states = generators.states()

    def compare_generators(self) -> None:
        """Note the shared generators that were drawn from since the last look."""
        names = generators.changed(self._states, generators.states())
        if names and not self.may_seed():
            for name in filter(self._is_mine, names):
                self.note(CHANCE, f"the shared generator of {name}", "")

    def _is_mine(self, generator: str) -> bool:
        """Whether what was drawn was drawn here, as far as can be told."""
        if self.was_alone:
            return True
        return self._may_draw(generator) and not any(other.may_seed() for other in self.others)

    def note(self, kind: str, what: str, where: str) -> None:
        """Remember something that was read, once."""
        if not self._is_over and len(self.reads) < MOST:
            self.reads.setdefault((kind, what), Read(kind, what, where))

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Watch on in a thread that the body started."""
        token = _watch.set(self)
        calls.begin(current)
        try:
            yield
        finally:
            calls.end()
            _watch.reset(token)

    def about_to_open(self, path: str, flags: int, *, is_relative: bool = False) -> None:
        """A file is about to be opened with `flags` of `os.open`."""
        if os.path.isdir(path):
            return  # for its descriptor, or a file in it without a name; who lists it is heard of
        exists = os.path.exists(path)
        empties = flags & (os.O_TRUNC | os.O_EXCL)
        if flags & os.O_CREAT and (empties or not exists):
            self._made.add(paths.real(path))
        elif flags & os.O_ACCMODE != os.O_WRONLY:
            self._read(path, exists=exists, is_relative=is_relative)

    def listed(self, path: str, *, is_relative: bool = False) -> None:
        """The names in a folder are about to be read."""
        self._read(path, exists=os.path.exists(path), is_relative=is_relative)

    def made(self, path: str) -> None:
        """A folder is about to be made, or a file to get this name."""
        if not os.path.lexists(path):
            self._made.add(path)

    def moved(self, path: str, new: str) -> None:
        """What was called `path` gets another name."""
        if paths.below(path, self._made):
            self._made.add(new)

    def _read(self, path: str, *, exists: bool, is_relative: bool) -> None:
        resolved = paths.real(path)
        if paths.is_of_python(resolved):
            return
        if paths.below(resolved, self._known) or paths.below(resolved, self._made):
            return
        if exists and len(self.opened) < MOST and paths.below(path, self._folders):
            self.opened.add(path)
        found = asker()
        is_ours = paths.below(path, self._roots) or paths.below(resolved, self._roots)
        is_of_libraries = not is_ours and paths.is_of_libraries(resolved)
        if found is None or (found[1] and (is_of_libraries or not exists)):
            return
        if is_ours or exists:
            shown = self._name(path)
            if is_ours and self._keys_files:
                self._keep(path, shown, is_relative=is_relative)
            else:
                self.note(FILE, shown if exists else f"{shown} (absent)", found[0])

    def _name(self, path: str) -> str:
        """Relative to the project, if its name says that it lies there; links may lead there."""
        roots = (root for root in self._roots if paths.below(path, {root}))
        root = next(roots, None)
        return path if root is None else os.path.relpath(path, root)

    def _keep(self, path: str, name: str, *, is_relative: bool) -> None:
        if self._is_over:
            return
        if is_relative:
            self.files[WORKING] = self._working
        if name not in self.files:
            self._identities[name] = path, identity(path)
            self.files[name] = content(path)

    def _look_again(self) -> None:
        """What changed since it was kept may be another content than the body read."""
        for name, (path, before) in self._identities.items():
            if identity(path) != before:
                self.files[name] = changed()

    def join(self, files: Mapping[str, Digest], root: str | None) -> None:
        """Take over what a step inside this body found in files, named from `root`."""
        if self._keys_files and not self._is_over:
            for name, digest in files.items():
                path = os.path.join(root or "/", name)
                if name == WORKING:
                    # Where the body goes from where it began, its code says.
                    self.files[WORKING] = self._working
                else:
                    self.files.setdefault(self._name(path), digest)


def current() -> Watch | None:
    """The watch of the body that runs here."""
    return _watch.get()


@functools.cache
def _install() -> None:
    """Begin to hear of events; there is no way back, but without a watch they cost next to nothing.

    Wrapped are methods of classes written in Python: no name that a key can see changes.
    """
    wrapped: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
        (type(os.environ), "__getitem__", _noting_variables),
        (threading.Thread, "start", _following),
        (ThreadPoolExecutor, "submit", _handing_on),
    )
    for kind, name, wrapper in wrapped:
        setattr(kind, name, wrapper(getattr(kind, name)))
    listen()


@functools.cache
def listen() -> None:
    """Hear of files from now on: modules that are imported before the first body open some, too."""
    events.listen(_watch)


def _noting_variables(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def getitem(self: Any, name: Any) -> Any:
        watch = _watch.get()
        if watch is not None and (self is os.environ or self is os.environb):
            found = asker()
            if found and found[1] == 0:
                watch.note(ENVIRONMENT, os.fsdecode(name), found[0])
        return original(self, name)

    return getitem


def _following(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def start(self: Any) -> None:
        watch = _watch.get()
        # Workers of pools serve many; each item of work says whose it is.
        if watch is not None and getattr(self, "_target", None) is not _WORKER:
            self.run = functools.partial(_within, watch, self.run)
        original(self)

    return start


def _handing_on(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def submit(self: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        watch = _watch.get()
        if watch is not None:
            function = functools.partial(_within, watch, function)
        return original(self, function, *args, **kwargs)

    return submit


def _within(watch: Watch, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with watch.in_thread():
        return function(*args, **kwargs)
