"""Prefect's own caching."""

from prefect import task
from prefect.cache_policies import INPUTS, TASK_SOURCE
from prefect.filesystems import LocalFileSystem
from runner import chained

TITLE = "Prefect's caching"
CONFIGURATION = "`task(cache_policy=INPUTS + TASK_SOURCE, persist_result=True)`, on the local disk"


def run(functions, call, state):
    return chained([_cached(function, state) for function in functions], call)


def _cached(function, state):
    cached = task(function, cache_policy=INPUTS + TASK_SOURCE, persist_result=True)
    # What the server would name as the place of results, without asking one.
    cached.result_storage = LocalFileSystem(basepath=str(state))
    return cached
