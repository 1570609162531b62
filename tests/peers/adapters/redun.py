"""redun."""

from inspect import iscoroutinefunction

from redun import Dir, File, Scheduler, task
from redun.config import Config

TITLE = "redun"
CONFIGURATION = (
    "`task(namespace=module)`, files as `File` and folders as `Dir`, one SQLite database"
)


def prepare(state):
    _scheduler(state)


def run(functions, call, state):
    first, *rest = [_task(function) for function in functions]
    expression = first(*call.args, **call.kwargs)
    for later in rest:
        expression = later(expression)
    return _scheduler(state).run(expression)


def _task(function):
    # It asks for these two, of async functions.
    more = {"cache": True, "check_valid": "shallow"} if iscoroutinefunction(function) else {}
    return task(namespace=function.__module__, **more)(function)


def file(path):
    return Dir(str(path)) if path.is_dir() else File(str(path))


def _scheduler(state):
    database = {"db_uri": f"sqlite:///{state}/redun.db"}
    scheduler = Scheduler(config=Config({"backend": database}))
    scheduler.load(migrate=True)
    return scheduler
