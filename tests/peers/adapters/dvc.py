"""DVC: a stage a step, in `dvc.yaml`; as a script, the command of such a stage."""

import contextlib
import os
import pickle
import shutil
import sys
from pathlib import Path

import runner
from dvc.repo import Repo
from dvc.utils.serialize import dump_yaml, load_yaml

TITLE = "DVC"
CONFIGURATION = (
    "a stage a step with `proj/` (all code), data files, and `params.yaml` as dependencies; data "
    "frames as Parquet and arrays as npy; `dvc repro --wait-for-lock`"
)
# A change in one module alone would be seen in fewer cases with the module as the dependency.
CODE = "proj"


class Dependency(type(Path())):
    """A file or folder that a stage depends on."""


def file(path):
    return Dependency(path)


def run(functions, call, state):
    repo = _repo(state)
    arguments = _arguments(call.by_name(functions[0]))
    stages, before = {}, arguments
    for function in functions:
        stages[function.__name__] = _stage(function, before)
        before = [f"dep:{function.__name__}.pkl"]
    if not Path("dvc.yaml").exists() or load_yaml("dvc.yaml") != {"stages": stages}:
        dump_yaml("dvc.yaml", {"stages": stages})
    with contextlib.closing(repo):
        repo.reproduce()
    shutil.copy("dvc.lock", state / "dvc.lock")
    return pickle.loads(Path(f"{functions[-1].__name__}.pkl").read_bytes())


def _repo(state):
    """The project as a clone has it: with `dvc.lock`, and one cache for all clones."""
    if not Path(".dvc").exists():
        Repo.init(no_scm=True).close()
        if (state / "dvc.lock").exists():
            shutil.copy(state / "dvc.lock", "dvc.lock")
    config = {"cache": {"dir": str(state / "cache")}, "core": {"site_cache_dir": str(state)}}
    return Repo(config=config, _wait_for_lock=True)


def _stage(function, arguments):
    kinds = [argument.partition(":")[::2] for argument in arguments]
    name = f"{function.__module__}:{function.__name__}"
    return {
        "cmd": " ".join([sys.executable, "-P", __file__, name, *arguments]),
        "deps": [CODE, *(name for kind, name in kinds if kind != "param")],
        "params": [name for kind, name in kinds if kind == "param"],
        "outs": [f"{function.__name__}.pkl"],
    }


def _arguments(values):
    """The arguments as a stage can be told of them, on its command line."""
    told, params = [], {}
    for name, value in values.items():
        if isinstance(value, Dependency):
            told.append(f"path:{value}")
        elif hasattr(value, "to_parquet"):
            value.to_parquet(f"{name}.parquet")
            told.append(f"frame:{name}.parquet")
        elif type(value).__name__ == "ndarray":
            __import__("numpy").save(f"{name}.npy", value)
            told.append(f"array:{name}.npy")
        else:
            params[name] = value
            told.append(f"param:{name}")
    _write(params)
    return told


def _write(params):
    # In one stroke, since the commands of other processes may be reading it.
    fresh = Path(f"params.{os.getpid()}.yaml")
    try:
        dump_yaml(fresh, params)
        back = load_yaml(fresh)
    except Exception as error:
        raise runner.Inexpressible(f"YAML has no such value: {error}") from error
    if repr(_plain(back)) != repr(params):
        raise runner.Inexpressible("YAML has no such value")
    fresh.rename("params.yaml")


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def main():
    """The command of a stage: what its script would do."""
    name, *told = sys.argv[1:]
    sys.path.insert(0, "")
    function = runner.found(name)
    if name == os.environ["PEERS_STEP"]:
        runner.watch(function)
    value = runner.chained([function], runner.Call(tuple(map(_value, told)), {}))
    Path(f"{function.__name__}.pkl").write_bytes(pickle.dumps(value))


def _value(told):
    kind, _, name = told.partition(":")
    if kind == "dep":
        return pickle.loads(Path(name).read_bytes())
    if kind == "frame":
        return __import__("pandas").read_parquet(name)
    if kind == "array":
        return __import__("numpy").load(name)
    return Path(name) if kind == "path" else _plain(load_yaml("params.yaml"))[name]


if __name__ == "__main__":
    main()
