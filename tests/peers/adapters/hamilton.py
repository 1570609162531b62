"""Hamilton."""

import inspect

from hamilton import ad_hoc_utils, driver
from runner import Inexpressible

TITLE = "Hamilton"
CONFIGURATION = "`Builder().with_modules(module).with_cache(path)`, all else as documented defaults"


def run(functions, call, state):
    if any(map(inspect.iscoroutinefunction, functions)):
        raise Inexpressible("its driver for async functions has no cache")
    module = ad_hoc_utils.create_temporary_module(*functions)
    built = driver.Builder().with_modules(module).with_cache(path=state).build()
    last = functions[-1].__name__
    return built.execute([last], inputs=call.by_name(functions[0]))[last]
