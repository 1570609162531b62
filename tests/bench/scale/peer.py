"""`python peer.py NAME FOLDER VERSIONS`, by the interpreter of a system: drop the older half.

`FOLDER/files` has two files for each version, `0` and `1`. They become the system's own, and what
dropping half of them takes is printed as JSON.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path


def dvc(files, folder, versions):
    """A cache of all files, and a workspace that tracks those of the newer half."""
    from dvc.repo import Repo

    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    Repo.init(no_scm=True).close()
    cache, tracked = work / ".dvc" / "cache" / "files" / "md5", []
    for number in range(versions):
        for part in "01":
            source = files / str(number) / part
            data = source.read_bytes()
            digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
            target = cache / digest[:2] / digest[2:]
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
            target.chmod(0o444)
            if number >= versions // 2:
                tracked.append({"md5": digest, "relpath": f"{number}/{part}"})
    tree = json.dumps(sorted(tracked, key=lambda item: item["relpath"])).encode()
    digest = hashlib.md5(tree, usedforsecurity=False).hexdigest() + ".dir"
    (cache / digest[:2]).mkdir(exist_ok=True)
    (cache / digest[:2] / digest[2:]).write_bytes(tree)
    Path("data.dvc").write_text(
        f"outs:\n- md5: {digest}\n  hash: md5\n  path: data\n", encoding="utf-8"
    )
    repo = Repo()

    def drop():
        repo.gc(workspace=True, force=True)

    return drop, cache, 2 * (versions // 2)


def joblib(files, folder, versions):
    """A folder for each call, with its result and what is said of it."""
    from joblib import Memory

    memory = Memory(folder / "cache", verbose=0)
    place = folder / "cache" / "joblib" / "module" / "function"
    place.mkdir(parents=True)
    for number in range(versions):
        digest = hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest()
        os.replace(files / str(number), place / digest)
        os.replace(place / digest / "0", place / digest / "output.pkl")
        os.replace(place / digest / "1", place / digest / "metadata.json")
        os.utime(place / digest / "output.pkl", (number + 1e9, number + 1e9))
    return lambda: memory.reduce_size(items_limit=versions // 2), place, 2 * (versions // 2)


def main(name, folder, versions):
    drop, place, expected = {"dvc": dvc, "joblib": joblib}[name](folder / "files", folder, versions)
    before = _count(place)
    os.sync()
    began, worked = time.perf_counter(), time.process_time()
    drop()
    spent = {
        "seconds": round(time.perf_counter() - began, 2),
        "processor": round(time.process_time() - worked, 2),
    }
    removed = before - _count(place)
    if removed != expected:
        sys.exit(f"{name} removed {removed} files, not {expected}")
    print(json.dumps(spent))


def _count(folder):
    return sum(len(files) for _, _, files in os.walk(folder))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).absolute(), int(sys.argv[3]))
