"""What came of all trials: kept as JSON, shown in `RESULTS.md` and, in short, in the README."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.peers.cases import CASES

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
ABOUT = HERE / "ABOUT.md"
PAGE = HERE / "RESULTS.md"
README = HERE.parents[1] / "README.md"
MARKS = ("<!-- peers -->\n", "<!-- /peers -->\n")
VERDICTS = {
    "right": "right",
    "wrong": "**wrong**",
    "needless": "needless",
    "inexpressible": "-",
    "failed": "failed",
}

# By name of the adapter: title, version, date, configuration, the verdict and note of each case,
# and the digest of each case as it was tried.
Results = dict[str, dict[str, Any]]


def read() -> Results:
    """The stored results, best system first."""
    found: Results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    return dict(sorted(found.items(), key=lambda item: _rank(item[1])))


def write(results: Results) -> None:
    """Store results and show them on both pages."""
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")
    results = read()
    PAGE.write_text(page(results), "utf-8")
    README.write_text(with_table(README.read_text("utf-8"), results), "utf-8")


def with_table(text: str, results: Results) -> str:
    """The README with its comparison made anew."""
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}{summary(results)}{MARKS[1]}{after}"


def summary(results: Results) -> str:
    """One row a system: how many cases came out how."""
    rows = []
    for result in results.values():
        count = _counts(result)
        name = f"{result['title']} {result['version']}"
        rest = count["inexpressible"] + count["failed"]
        rows.append((name, count["right"], count["wrong"], count["needless"], rest))
    cases = sum(map(len, CASES.values()))
    last = max((result["date"] for result in results.values()), default="")
    heads = (
        f"of {cases} cases, {last}",
        "right",
        "wrong answer",
        "needless work",
        "not possible, or failed",
    )
    return _table(heads, rows)


def page(results: Results) -> str:
    """Every case, for every system."""
    titles = [result["title"] for result in results.values()]
    parts = [
        ABOUT.read_text("utf-8"),
        _table(("system", "version", "tried on", "set up as"), _configurations(results)),
    ]
    for category, cases in CASES.items():
        rows = [
            (case.claim, case.expected, *(_verdict(r, case.claim) for r in results.values()))
            for case in cases
        ]
        parts.append(f"## {category.capitalize()}\n\n" + _table(("case", "should", *titles), rows))
    notes = [
        (result["title"], claim, note.replace("|", "\\|"))
        for result in results.values()
        for claim, (verdict, note) in result["outcomes"].items()
        if verdict in {"wrong", "failed", "inexpressible"}
    ]
    parts.append("## What they answered\n\n" + _table(("system", "case", "answer"), notes))
    return "\n".join(parts)


def _configurations(results: Results) -> list[tuple[str, ...]]:
    columns = ("title", "version", "date", "configuration")
    return [tuple(result[name] for name in columns) for result in results.values()]


def _verdict(result: dict[str, Any], claim: str) -> str:
    return VERDICTS[result["outcomes"][claim][0]] if claim in result["outcomes"] else ""


def _counts(result: dict[str, Any]) -> Counter[str]:
    return Counter(verdict for verdict, _ in result["outcomes"].values())


def _rank(result: dict[str, Any]) -> tuple[int, int, str]:
    count = _counts(result)
    return count["wrong"], -count["right"], result["title"]


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
