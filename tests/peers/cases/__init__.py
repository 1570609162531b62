"""The cases, by category; a module here adds a category."""

from tests.peers.case import Case
from tests.peers.cases import code, files, layout, processes, storage, values

CASES: dict[str, list[Case]] = {
    "code": code.CASES,
    "layout": layout.CASES,
    "values": values.CASES,
    "files": files.CASES,
    "storage": storage.CASES,
    "processes": processes.CASES,
}
