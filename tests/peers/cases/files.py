"""Files: those that are passed, and those that the package brings."""

from tests.peers.case import Case

FILE = {
    "steps.py": """
    def step(x: object) -> str:
        with x.open() as stream:
            return stream.read()
    """,
    "data/day.csv": "1,2,3\n",
}
FOLDER = {
    "steps.py": """
    import os

    def step(x: object) -> list:
        folder = getattr(x, "path", x)
        names = sorted(os.listdir(folder))
        return [open(os.path.join(folder, name)).read() for name in names]
    """,
    "data/day.csv": "1,2,3\n",
    "data/night.csv": "4,5,6\n",
}
PACKAGED = {
    "steps.py": """
    import json
    from pathlib import Path

    RATES = json.loads((Path(__file__).parent / "rates.json").read_text())

    def step(x: int) -> int:
        return x * RATES["day"]
    """,
    "proj/rates.json": '{"day": 2, "night": 5}\n',
}
ONE_FILE = ("file('data/day.csv')",) * 2
ONE_FOLDER = ("file('data')",) * 2

CASES = [
    Case(
        "a file with other content",
        FILE,
        "rerun",
        leaf="params/x",
        calls=ONE_FILE,
        edit=("data/day.csv", "1,2,3", "1,2,3,4"),
    ),
    Case(
        "a file with other content, same size and time",
        FILE,
        "rerun",
        leaf="params/x",
        calls=ONE_FILE,
        edit=("data/day.csv", "1,2,3", "1,2,4"),
        keep_times=True,
    ),
    Case("the same file", FILE, "reuse", calls=ONE_FILE),
    Case(
        "a file written again with the same content",
        FILE,
        "reuse",
        calls=ONE_FILE,
        edit=("data/day.csv", "1,2,3", "1,2,3"),
    ),
    Case("the same file in another checkout", FILE, "reuse", calls=ONE_FILE, moved=True),
    Case(
        "a folder in which a file changed",
        FOLDER,
        "rerun",
        leaf="params/x",
        calls=ONE_FOLDER,
        edit=("data/night.csv", "4,5,6", "4,5,7"),
    ),
    Case("the same folder", FOLDER, "reuse", calls=ONE_FOLDER),
    Case(
        "a file of the package, read at import",
        PACKAGED,
        "rerun",
        leaf="code/proj.steps:RATES",
        edit=("proj/rates.json", '"day": 2', '"day": 3'),
    ),
    Case(
        "that file, formatted anew",
        PACKAGED,
        "reuse",
        edit=("proj/rates.json", '"day": 2, ', '"day":  2,\n '),
    ),
]
