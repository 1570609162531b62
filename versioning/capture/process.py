"""What this process is made of, looked at rarely: once a second at most, and when modules load."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.capture.archive import archive_here
from versioning.capture.keeping import FILES, SOURCE, keep_files, keep_value
from versioning.capture.lock import installed, stamp_of_sites
from versioning.capture.machine import machine
from versioning.capture.sources import Bundle, bundle, gathered, look
from versioning.code.index import Index
from versioning.code.loaded import is_edited
from versioning.hidden.imported import opened_by_modules
from versioning.records import ENVIRONMENT, dump_input

if TYPE_CHECKING:
    from collections.abc import Iterable

    from versioning.repository import Repository

LOOK_SECONDS = 1.0
# Retention may have expired what nothing seemed to need.
ASK_SECONDS = 30.0
logger = logging.getLogger("versioning")


class _Process:
    """What was captured of this process for one repository, for as long as it holds."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.bundle = Bundle({}, {})
        self.facts: dict[str, Any] = {}
        self._modules = self._opened = -1
        self._sites: tuple[Any, ...] = ()
        self._installed: list[Any] = []
        # By environment: the archive of its wheels, or None where there is none.
        self._archives: dict[str, str | None] = {}
        self._next_look = self._next_ask = 0.0

    def refresh(self, repository: Repository) -> None:
        """Look again, where that can find something new."""
        now = time.monotonic()
        loaded, opened = len(sys.modules), opened_by_modules()
        is_new = (loaded, len(opened)) != (self._modules, self._opened)
        if not is_new and now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        if is_new or self._is_stale() or not self._are_kept(repository, now):
            self.bundle = bundle(opened, Index(repository.settings.cache / "imports"))
            self.facts = self._keep(repository)
            # Looking may have loaded modules: of this library, and none of the project.
            self._modules, self._opened = len(sys.modules), len(opened)

    def _is_stale(self) -> bool:
        if self._sites != stamp_of_sites():
            return True
        return any(look(file.path) != file for file in self.bundle.files.values())

    def _are_kept(self, repository: Repository, now: float) -> bool:
        """Whether what was kept still answers its key: what is in the trash does not."""
        if now < self._next_ask:
            return True
        self._next_ask = now + ASK_SECONDS
        environment = self.facts["environment"]["id"]
        kept = (self.facts["source"]["id"], environment, self._archives.get(environment))
        if all(repository.answers(repository.record(i)) for i in kept if i is not None):
            return True
        self._archives.clear()
        return False

    def _keep(self, repository: Repository) -> dict[str, Any]:
        if self._sites != (sites := stamp_of_sites()):
            self._installed = installed(repository.settings.cache / "installed.json")
            self._sites = sites
        environment = {
            "distributions": self._installed,
            "machine": machine(repository.settings.image),
        }
        found = self.bundle
        cwd = found.place(os.getcwd())
        edited = sorted(place for place, file in found.files.items() if is_edited(file.path))
        kept = keep_value(repository, ENVIRONMENT, environment)
        if repository.settings.archive and kept.id not in self._archives:
            archive = archive_here(repository, kept, self._installed, sys.path)
            self._archives[kept.id] = archive
        facts = {
            "source": dump_input(keep_files(repository, SOURCE, found)),
            "environment": dump_input(kept),
            "paths": list(found.paths),
            "folders": found.folders,
            "cwd": cwd,
            "left_out": found.left_out,
            "edited": edited,
        }
        return {name: fact for name, fact in facts.items() if fact not in (None, {}, [])}


_processes: dict[str, _Process] = {}
_warned: set[str] = set()
os.register_at_fork(after_in_child=_processes.clear)


def capture(repository: Repository, opened: Iterable[str] = ()) -> dict[str, Any]:
    """What a rerun of a step that ran here needs, as the record of its version says it.

    It never fails: a step whose process cannot be captured is stored all the same, and says why.

    Args:
        repository: Where source and environment are kept.
        opened: Files of the project that the body opened.
    """
    process = _processes.setdefault(repository.url, _Process())
    try:
        with process.lock:
            process.refresh(repository)
            return {**process.facts, **_files(repository, process.bundle, opened)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the step's value is whole
        if (text := f"{type(error).__name__}: {error}") not in _warned:
            _warned.add(text)
            logger.warning("nothing is captured, so that no rerun will be possible: %s", text)
        return {"failed": text}


def _files(repository: Repository, frame: Bundle, opened: Iterable[str]) -> dict[str, Any]:
    """What the body opened and the source does not hold anyway."""
    paths = set(opened) - {file.path for file in frame.files.values()}
    listed = {str(item) for path in paths if Path(path).is_dir() for item in Path(path).iterdir()}
    files = {path for path in paths | listed if Path(path).is_file()}
    if not files:
        return {}
    found = gathered(frame, files)
    kept: dict[str, Any] = {"left_out": {**frame.left_out, **found.left_out}}
    if found.files:
        kept["files"] = dump_input(keep_files(repository, FILES, found))
    return {name: fact for name, fact in kept.items() if fact}
