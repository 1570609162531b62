from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.repositories import LARGE, NOW
from tests.steps import blob_path, commit, opened, overwrite
from versioning import layout
from versioning.api import Repository
from versioning.cli.app import app, run
from versioning.cli.output import moment, parse_moment
from versioning.errors import FormatError
from versioning.handles import Version
from versioning.units import duration, size

COMMANDS = [
    "cost", "diff", "doctor", "export", "get", "history", "invalidate", "lineage", "list", "pin",
    "promote", "prune", "reconcile", "report", "rerun", "rollback", "show", "trust", "undo",
    "unpin", "verify", "why",
]  # fmt: skip
Ask = Callable[..., Any]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = opened(tmp_path)
    monkeypatch.setenv("VERSIONING_REPOSITORY", repository.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(repository.settings.cache))
    for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return repository


@pytest.fixture
def flights(repository: Repository) -> dict[str, Version]:
    """load -> clean -> train, twice for clean and train."""
    load = commit(repository, {"rows": 1}, "load")
    made = {"load": load}
    for n in range(2):
        clean = commit(
            repository, LARGE + bytes([n]), "clean", minute=n, reads={"raw": load}, max=n
        )
        auc = {"auc": n / 4}
        train = commit(repository, auc, "train", minute=n, reads={"flights": clean}, seed=7)
        made |= {f"clean{n}": clean, f"train{n}": train}
    return made


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """The JSON answer to a command, which writes nothing else."""

    def asked(*arguments: str, code: int = 0) -> Any:
        assert run([*arguments, "--json"]) == code
        out, err = capsys.readouterr()
        assert err == ""
        return json.loads(out)

    return asked


@pytest.fixture
def read(capsys: pytest.CaptureFixture[str]) -> Ask:
    """The answer to a command for people."""

    def asked(*arguments: str, code: int = 0) -> str:
        assert run(arguments) == code
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return asked


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Ask:
    """The one message of a command that fails, which writes nothing to stdout."""

    def asked(*arguments: str, code: int) -> str:
        assert run(arguments) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err

    return asked


def test_list_gives_the_facts_of_versions_newest_first(
    flights: dict[str, Version], ask: Ask
) -> None:
    rows = ask("list", "--step", "clean")
    assert [row["id"] for row in rows] == [flights["clean1"].id, flights["clean0"].id]
    version = flights["clean1"]
    assert rows[0] == {
        "id": version.id,
        "key": version.key,
        "digest": version.digest,
        "step": "clean",
        "flow": "retrain",
        "created": version.created.isoformat(),
        "size_bytes": len(LARGE) + 1,
        "seconds": 1.5,
        "seal": version.seal,
        "is_rebuildable": True,
        "tags": [],
        "status": "live",
        "trust": "unknown",
    }


def test_list_chooses_by_flow_moment_and_count(flights: dict[str, Version], ask: Ask) -> None:
    assert ask("list", "--flow", "other") == []
    assert len(ask("list", "--limit", "3")) == 3
    since = (NOW + timedelta(minutes=1)).isoformat()
    assert {row["step"] for row in ask("list", "--since", since)} == {"clean", "train"}


def test_list_tells_what_is_lost(
    flights: dict[str, Version], repository: Repository, ask: Ask
) -> None:
    blob_path(repository, flights["clean0"]).unlink()
    overwrite(blob_path(repository, flights["clean1"]), b"")
    status = {row["id"]: row["status"] for row in ask("list")}
    assert status[flights["clean0"].id] == ask("show", "clean~1")["status"] == "expired"
    assert status[flights["clean1"].id] == ask("show", flights["clean1"].id)["status"] == "corrupt"
    assert status[flights["train0"].id] == "live"


def test_list_is_a_table_for_people(flights: dict[str, Version], read: Ask) -> None:
    text = read("list", "--step", "clean")
    assert "102.4 kB" in text
    assert "1.5 s" in text
    assert flights["clean1"].id[:12] in text


def test_a_list_of_nothing_says_so(flights: dict[str, Version], read: Ask, refused: Ask) -> None:
    assert read("list", "--step", "missing") == "none of these\n"
    assert "give 1 or more" in refused("list", "--limit", "0", code=2)


def test_a_long_list_is_cut_for_people_and_says_so(
    repository: Repository, read: Ask, ask: Ask
) -> None:
    for n in range(60):
        commit(repository, n, n=n)
    assert "10 more; --limit 60 shows them" in read("list")
    assert len(read("list", "--limit", "60").splitlines()) >= 60
    assert len(ask("list")) == 60


def test_show_gives_a_version_whole(
    flights: dict[str, Version], repository: Repository, ask: Ask
) -> None:
    version = flights["train1"]
    repository.append_name("delays", {"alias": "champion", "version": version.id})
    repository.pin(version, "audit")
    found = ask("show", "delays@champion")
    assert found["id"] == version.id
    assert {leaf["name"]: leaf.get("value") for leaf in found["leaves"]}["params/seed"] == "7"
    assert found["inputs"] == [
        {"name": "flights", "id": flights["clean1"].id, "digest": flights["clean1"].digest}
    ]
    assert found["environment"] == {"python": "3.11.7"}
    assert found["run"] == {"flow_run": "r1"}
    assert found["code"]["function"] == "flows:train"
    assert (found["names"], found["pin"]) == (["delays@champion"], "audit")


def test_show_is_a_page_for_people(flights: dict[str, Version], read: Ask) -> None:
    text = read("show", "train")
    for part in (flights["train1"].id, "params/seed", "python 3.11.7", "flights"):
        assert part in text


def test_get_writes_the_stored_file(
    flights: dict[str, Version], tmp_path: Path, ask: Ask, refused: Ask
) -> None:
    target = tmp_path / "out" / "clean"
    assert ask("get", "clean", "-o", str(target))["path"] == str(target)
    assert target.read_bytes() == LARGE + b"\1"
    assert "exists" in refused("get", "clean", "-o", str(target), code=2)


def test_get_prints_a_value(flights: dict[str, Version], ask: Ask, read: Ask) -> None:
    assert ask("get", "train")["value"] == {"auc": 0.25}
    assert read("get", "train") == "{'auc': 0.25}\n"


def test_get_writes_bytes_and_text_as_they_are(
    repository: Repository, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for minute, value in enumerate([b"\x00\x1b\xff", "a\r\n\x1b[0mb " * 100]):
        commit(repository, value, minute=minute, n=minute)
        assert run(["get", "step", "--repository", repository.url]) == 0
        sys.stdout.flush()
        expected = value if isinstance(value, bytes) else value.encode()
        assert capfdbinary.readouterr().out == expected


def test_get_writes_a_table_as_its_ending_says(
    repository: Repository, tmp_path: Path, ask: Ask
) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    commit(repository, frame, "table")
    for ending, reader in [("csv", pd.read_csv), ("parquet", pd.read_parquet)]:
        target = tmp_path / f"table.{ending}"
        ask("get", "table", "-o", str(target))
        assert reader(target).to_dict() == frame.to_dict()
    assert "a" in ask("get", "table")["value"]


def test_get_writes_plain_json(
    flights: dict[str, Version], tmp_path: Path, ask: Ask, refused: Ask
) -> None:
    target = tmp_path / "metrics.json"
    ask("get", "train", "-o", str(target))
    assert json.loads(target.read_text()) == {"auc": 0.25}
    assert "exists" in refused("get", "train", "-o", str(target), code=2)


def test_get_does_not_spill_bytes_into_json(repository: Repository, ask: Ask) -> None:
    commit(repository, bytes(2000), "picture")
    assert ask("get", "picture")["value"] == "2.0 kB of bytes; -o FILE writes them"


def test_get_of_damaged_bytes_says_no_and_sets_them_aside(
    flights: dict[str, Version], repository: Repository, refused: Ask
) -> None:
    overwrite(blob_path(repository, flights["clean1"]), b"x" * (len(LARGE) + 1))
    assert "run the step again" in refused("get", "clean", code=1)
    assert list(repository.store.list(layout.QUARANTINE))
    assert "--rebuild` makes them again" in refused("get", "clean", code=2)


def test_why_names_what_changed(flights: dict[str, Version], ask: Ask, read: Ask) -> None:
    found = ask("why", "clean")
    assert (found["verdict"], found["against"]) == ("changed", flights["clean0"].id)
    assert found["changed"] == [{"leaf": "params/max", "before": "0", "after": "1"}]
    assert ask("why", "load")["verdict"] == "first"
    assert "params/max" in read("why", "clean")
    assert "first version" in read("why", "load")


def test_why_compares_with_the_version_asked_for(flights: dict[str, Version], ask: Ask) -> None:
    found = ask("why", "clean", "--against", "clean")
    assert (found["verdict"], found["changed"]) == ("same-key", [])


def test_why_tells_the_misses_of_the_last_run(
    flights: dict[str, Version], repository: Repository, ask: Ask, read: Ask, refused: Ask
) -> None:
    assert "no run" in refused("why", "--miss", code=2)
    steps = [
        {"step": "load", "version": "1" * 32, "status": "hit", "why": "unchanged", "seconds": 0},
        {"step": "clean", "version": "2" * 32, "status": "miss", "why": "max 0 -> 1", "seconds": 2},
    ]
    facts = {"run": "r1", "flow": "retrain", "name": "eager-owl", "ended": "2026-01-01"}
    repository.write_run("r1", "flow", {**facts, "steps": steps})
    assert ask("why", "--miss", "retrain")["steps"] == steps
    text = read("why", "--miss")
    assert "retrain / eager-owl: 1 of 2 computed" in text
    assert "max 0 -> 1" in text
    assert "unchanged" not in text
    assert "nightly" in refused("why", "--miss", "nightly", code=2)


def test_lineage_goes_up_down_or_both(flights: dict[str, Version], ask: Ask) -> None:
    def steps(*flags: str) -> list[str]:
        return sorted(node["step"] for node in ask("lineage", "clean", *flags)["nodes"])

    assert steps() == ["clean", "load", "train"]
    assert steps("--up") == ["clean", "load"]
    assert steps("--down") == ["clean", "train"]
    edge = {"from": flights["load"].id, "to": flights["clean1"].id, "name": "raw"}
    assert edge in ask("lineage", "clean", "--up")["edges"]


def test_lineage_is_a_tree_or_a_mermaid_graph(flights: dict[str, Version], read: Ask) -> None:
    tree = read("lineage", "train", "--up")
    assert f"    clean {flights['clean1'].id[:12]}  as flights" in tree.splitlines()
    assert read("lineage", "train", "--mermaid").startswith("graph LR\n")
    assert "used by" in read("lineage", "clean")


def test_diff_tells_differences_by_kind(flights: dict[str, Version], ask: Ask, read: Ask) -> None:
    found = ask("diff", "train~1", "train")
    assert found["metrics"] == [{"name": "auc", "before": 0.0, "after": 0.25, "change": 0.25}]
    assert found["parameters"] == []
    assert "auc" in read("diff", "train~1", "train")
    assert "The values are the same." in read("diff", "train", "train")


def test_diff_of_tables_is_readable(repository: Repository, read: Ask) -> None:
    for n in range(2):
        frame = pd.DataFrame({"late": [n, 2, 3], f"only{n}": 1})
        commit(repository, frame, "table", minute=n, n=n)
    text = read("diff", "table~1", "table")
    for part in ("schema.added", "only1", "late.mean", "late.psi"):
        assert part in text


def test_verify_says_yes_or_no(
    flights: dict[str, Version], repository: Repository, ask: Ask, read: Ask
) -> None:
    assert ask("verify")["checked"] == 5
    assert "All is sound." in read("verify")
    overwrite(blob_path(repository, flights["clean0"]), b"x")
    found = ask("verify", code=1)
    assert [damage["id"] for damage in found["damaged"]] == [flights["clean0"].id]
    assert found["damaged"][0]["blob"]
    assert found["dangling"] == []
    assert ask("verify", flights["clean1"].id)["checked"] == 1
    ask("verify", flights["clean0"].id[:8], code=1)
    assert "--set-aside" in read("verify", code=1)
    assert ask("verify", "--set-aside", code=1)["set_aside"]


def test_a_version_is_pinned_and_unpinned(
    flights: dict[str, Version], repository: Repository, ask: Ask, refused: Ask
) -> None:
    version = flights["train1"]
    assert "--reason" in refused("pin", "train", code=2)
    assert ask("pin", "train", "--reason", "audit") == {
        "id": version.id,
        "pinned": True,
        "reason": "audit",
        "hold": False,
        "is_live": True,
    }
    assert repository.pins() == {version.id: "audit"}
    assert ask("unpin", version.id) == {"id": version.id, "pinned": False}
    assert repository.pins() == {}


def test_history_tells_who_was_what_when(
    flights: dict[str, Version], repository: Repository, ask: Ask, read: Ask, refused: Ask
) -> None:
    for day, name in enumerate(["train0", "train1"], start=1):
        entry = {"alias": "champion", "version": flights[name].id, "at": f"2026-01-0{day}T00:00Z"}
        repository.append_name("delays", entry)
    assert ask("history", "delays")["aliases"] == {"champion": flights["train1"].id}
    then = ask("history", "delays@champion", "--at", "2026-01-01T12:00+00:00")
    assert then["aliases"] == {"champion": flights["train0"].id}
    assert flights["train0"].id[:12] in read("history", "delays")
    assert "nothing was ever named" in refused("history", "nobody", code=2)


def test_history_says_when_nothing_was_named(
    flights: dict[str, Version], repository: Repository, ask: Ask, read: Ask, refused: Ask
) -> None:
    assert "names appear when" in refused("history", "nobody", code=2)
    entry = {"alias": "champion", "version": flights["train0"].id, "at": "2026-01-01T00:00Z"}
    repository.append_name("delays", entry)
    assert "there are delays" in refused("history", "nobody", code=2)
    told = refused("history", "delays@staging", code=2)
    assert "delays@staging never named anything; delays has champion" in told
    before = ("history", "delays", "--at", "2025-12-31T00:00+00:00")
    assert ask(*before)["aliases"] == {}
    assert "delays at 2025-12-31T00:00+00:00: nothing was named" in read(*before)


def test_what_vanished_is_said_until_it_is_accepted(
    repository: Repository, ask: Ask, read: Ask
) -> None:
    gone = commit(repository, 1, "gone", n=99)
    ask("list")
    repository.store.delete(layout.version(gone.id))
    repository.store.delete(layout.binding(gone.key))
    [item] = ask("verify", code=1)["gone"]
    assert item["name"] == layout.version(gone.id)
    assert "--accept-gone" in read("verify", code=1)
    checks = {check["name"]: check for check in ask("doctor", code=1)["checks"]}
    assert checks["witness"]["found"].startswith("1 versions that were seen from here are gone")
    assert ask("verify", "--accept-gone")["gone"] == []
    assert ask("doctor")["ok"]


def test_a_damaged_record_is_restored_from_its_binding(repository: Repository, ask: Ask) -> None:
    version = commit(repository, 1, "restored", n=99)
    name = layout.version(version.id)
    data = repository.store.get(name)
    repository.store.put(name, data[:-1])
    assert [item["id"] for item in ask("verify", code=1)["damaged"]] == [version.id]
    assert ask("verify", "--set-aside", code=1)["restored"] == [name]
    assert repository.store.get(name) == data
    assert ask("verify")["damaged"] == []


def test_who_restored_a_record_is_not_told_to_restore_it(repository: Repository, read: Ask) -> None:
    version = commit(repository, 1, "restored", n=99)
    name = layout.version(version.id)
    repository.store.put(name, repository.store.get(name)[:-1])
    said = read("verify", "--set-aside", code=1)
    assert "1 written again from a copy" in said
    assert "--set-aside" not in said


def test_doctor_examines_store_and_repository(repository: Repository, ask: Ask, read: Ask) -> None:
    found = ask("doctor")
    assert found["ok"]
    checks = {check["name"]: check for check in found["checks"]}
    assert checks["store"]["state"] == checks["repository"]["state"] == "ok"
    assert repository.id in checks["repository"]["found"]
    assert "pandas" in checks["packages"]["found"]
    assert "not set" in checks["Prefect"]["found"]
    assert "store" in read("doctor")


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    thread.join()
    server.server_close()


def test_doctor_asks_services_that_are_named(
    repository: Repository, ask: Ask, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", service)
    assert {"Prefect": "ok"}.items() <= {
        c["name"]: c["state"] for c in ask("doctor")["checks"]
    }.items()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    checks = {check["name"]: check for check in ask("doctor", code=1)["checks"]}
    assert checks["Prefect"]["state"] == "bad"
    assert "PREFECT_API_URL" in checks["Prefect"]["advice"]


def test_doctor_says_when_the_cache_cannot_be_written(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "file"))
    [check] = [check for check in ask("doctor")["checks"] if check["name"] == "cache"]
    assert check["state"] == "note"
    assert check["found"].endswith("cannot be written")


def test_doctor_says_when_the_store_cannot_be_used(
    repository: Repository, ask: Ask, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    found = ask("doctor", "--repository", str(tmp_path / "file" / "below"), code=3)
    assert not found["ok"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["show", "nothing"],
        ["why"],
        ["list", "--limit", "many"],
        ["list", "--since", "whenever"],
        ["list", "--unknown"],
        ["nonsense"],
        ["show", "a", "b"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_message_and_code_2(
    repository: Repository, refused: Ask, arguments: list[str]
) -> None:
    refused(*arguments, code=2)


def test_asking_where_no_repository_is_creates_none(
    repository: Repository, refused: Ask, tmp_path: Path
) -> None:
    target = tmp_path / "nowhere"
    assert "no repository" in refused("list", "--repository", str(target), code=2)
    assert "no repository" in refused(
        "pin", "x", "--reason", "y", "--repository", str(target), code=2
    )
    assert not target.exists()


def test_a_store_that_cannot_be_reached_is_code_3(
    repository: Repository, refused: Ask, tmp_path: Path
) -> None:
    assert "bogus" in refused("list", "--repository", "bogus://x/y", code=3)


def test_what_others_wrote_is_neither_markup_nor_an_escape(
    repository: Repository, read: Ask
) -> None:
    commit(repository, 1, "[red]evil\x1b[31m")
    assert "[red]evil\ufffd[31m" in read("list")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Example: versioning {command}" in out
    assert "--repository" in out
    assert "--json" in out


def test_every_command_is_tested() -> None:
    assert sorted(name for name in app if not name.startswith("-")) == COMMANDS


def versioning(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "versioning", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )


def test_the_command_ends_with_its_code(
    flights: dict[str, Version], repository: Repository
) -> None:
    done = versioning("list", "--json", "--limit", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)) == 1
    overwrite(blob_path(repository, flights["clean0"]), b"x")
    assert versioning("verify").returncode == 1
    wrong = versioning("show", "nothing")
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    away = versioning("list", VERSIONING_REPOSITORY="bogus://x/y")
    assert (away.returncode, away.stderr.count("\n")) == (3, 1)


def test_a_reader_that_stops_early_is_no_error(flights: dict[str, Version]) -> None:
    code = f"{sys.executable} -m versioning list --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[", "")


@pytest.mark.parametrize("command", ["list", "show", "why"])
def test_questions_import_nothing_heavy(flights: dict[str, Version], command: str) -> None:
    names = [] if command == "list" else ["clean"]
    code = (
        "import sys; from versioning.cli.app import run; "
        f"run({[command, *names]!r}); "
        "sys.exit(bool({'pandas', 'numpy', 'prefect', 'mlflow', 'fsspec'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_340_000, "2.3 MB"), (5e15, "5000.0 TB")],
)
def test_bytes_are_told_in_units(number: float, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.04, "40 ms"),
        (1.5, "1.5 s"),
        (12.34, "12.3 s"),
        (125, "2 min 5 s"),
        (11_520, "3 h 12 min"),
    ],
)
def test_seconds_are_told_in_units(number: float, text: str) -> None:
    assert duration(number) == text


def test_a_reader_that_has_seen_enough_is_no_failure(
    flights: dict[str, Version], repository: Repository
) -> None:
    command = [sys.executable, "-m", "versioning", "list", "--repository", repository.url]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_moments_are_told_by_age() -> None:
    assert moment(NOW - timedelta(seconds=5), NOW) == "5 s ago"
    assert moment(NOW - timedelta(hours=3), NOW) == "3 h ago"
    assert moment(NOW - timedelta(days=3), NOW).startswith("20")
    assert moment(NOW + timedelta(days=3), NOW).startswith("2026")


def test_moments_are_read_as_ages_and_dates() -> None:
    assert parse_moment("36h", NOW) == NOW - timedelta(hours=36)
    assert parse_moment("2 w", NOW) == NOW - timedelta(weeks=2)
    assert parse_moment("2026-01-31T18:00+02:00", NOW) == datetime(2026, 1, 31, 16, tzinfo=UTC)
    for nonsense in ("", "soon", "12", "9999999999999w"):
        with pytest.raises(FormatError):
            parse_moment(nonsense, NOW)


POLICY = "min_age = '0s'\nkeep_lineage = 'none'\n[[rules]]\nkeep_last = 1\n"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "retention.toml"
    path.write_text(POLICY, "utf-8")
    return str(path)


def test_prune_plans_carries_out_and_undoes(
    flights: dict[str, Version], ask: Ask, policy: str
) -> None:
    plan = ask("prune", "--policy", policy)
    [expire] = plan["expire"]
    assert expire["id"] == flights["clean0"].id
    assert (expire["step"], expire["size_bytes"]) == ("clean", flights["clean0"].size_bytes)
    assert expire["reason"] == "rule 1 (step '*') does not keep it"
    # Every version that stays, with every reason; of those that lie in their records, too.
    kept = {item["id"]: item["reasons"] for item in plan["keep"]}
    assert kept.keys() == {v.id for v in flights.values()} - {flights["clean0"].id}
    assert kept[flights["clean1"].id] == ["keep_last = 1"]
    assert plan["freed_bytes"] == flights["clean0"].size_bytes
    assert plan["applied"] is False
    assert _status(ask, flights["clean0"]) == "live"
    assert (plan["policy"]["min_age"], plan["policy"]["trash"]) == ("PT0S", "P7D")
    again = ask("prune", "--plan", plan["plan"])
    assert again["expire"] == plan["expire"]
    done = ask("prune", "--apply", "--plan", plan["plan"])
    assert done["applied"] is True
    assert done["expired"] == [flights["clean0"].id]
    assert _status(ask, flights["clean0"]) == "trashed"
    assert ask("undo", plan["plan"])["restored"] == [flights["clean0"].id]
    assert _status(ask, flights["clean0"]) == "live"
    assert ask("verify")["damaged"] == []


def test_prune_lists_plans_and_what_became_of_them(
    flights: dict[str, Version], ask: Ask, read: Ask, policy: str
) -> None:
    assert ask("prune", "--list") == []
    assert "There are no plans" in read("prune", "--list")
    planned, applied = (ask("prune", "--policy", policy)["plan"] for _ in range(2))
    ask("prune", "--apply", "--plan", applied)
    then, first = ask("prune", "--list")
    assert (then["plan"], then["state"]) == (applied, "applied")
    assert (first["plan"], first["state"]) == (planned, "planned")
    assert (first["versions"], first["freed_bytes"]) == (1, flights["clean0"].size_bytes)
    assert datetime.fromisoformat(first["made"]).tzinfo is not None
    assert "@" in first["actor"]
    told = read("prune", "--list")
    [row] = [line for line in told.splitlines() if applied in line]
    assert row.split()[-1] == "applied"
    assert first["actor"] in row
    assert "102.4 kB" in row


def test_listing_plans_makes_none_and_needs_no_right_to_write(
    flights: dict[str, Version], repository: Repository, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {entry.name for entry in repository.store.list("")}
    monkeypatch.setattr(Repository, "check_writable", None)
    assert ask("prune", "--list") == []
    assert {entry.name for entry in repository.store.list("")} == before


def _status(ask: Ask, version: Version) -> str:
    return next(row["status"] for row in ask("list") if row["id"] == version.id)


def test_prune_tells_people_what_goes_and_what_to_type_next(
    flights: dict[str, Version], read: Ask, policy: str
) -> None:
    told = read("prune", "--policy", policy)
    assert flights["clean0"].id[:12] in told
    assert "1 versions would go" in told
    plan = told.split("--plan ")[1].split()[0]
    assert f"versioning undo {plan}" in read("prune", "--apply", "--plan", plan)
    assert "1 versions are back" in read("undo", plan)
    assert f"Nothing to expire: {len(flights)} versions all stay." in read("prune")
    assert read("prune", "--apply").count("undo") == 0


def test_show_tells_by_which_plan_a_version_went(
    flights: dict[str, Version], ask: Ask, read: Ask, policy: str
) -> None:
    plan = ask("prune", "--policy", policy, "--apply")["plan"]
    gone = flights["clean0"].id
    assert ask("show", gone)["expiry"]["plan"] == plan
    [status] = [row for row in read("show", gone).splitlines() if row.startswith("status")]
    assert "trashed by " in status
    assert f"rule 1 (step '*') does not keep it: plan {plan}" in status
    ask("undo", plan)
    assert ask("show", gone)["expiry"] is None
    Path(policy).write_text(f"trash = '0s'\n{POLICY}", "utf-8")
    plan = ask("prune", "--policy", policy, "--apply")["plan"]
    assert ask("show", gone)["expiry"]["plan"] == plan
    assert "expired by " in read("show", gone)


def test_what_is_deleted_at_once_is_not_said_to_be_in_the_trash(
    flights: dict[str, Version], read: Ask, policy: str
) -> None:
    Path(policy).write_text(f"trash = '0s'\n{POLICY}", "utf-8")
    told = read("prune", "--policy", policy, "--apply")
    assert "in the trash" not in told
    assert "1 versions are expired" in told
    assert "1 blobs were deleted" in told
    pinned = read("pin", flights["clean0"].id, "--reason", "audit")
    assert "Its bytes are gone" in pinned


def test_prune_reads_the_policy_of_the_project(
    flights: dict[str, Version], ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = POLICY.replace("[[rules]]", "[[tool.versioning.retention.rules]]")
    (tmp_path / "pyproject.toml").write_text(f"[tool.versioning.retention]\n{said}", "utf-8")
    assert [item["id"] for item in ask("prune")["expire"]] == [flights["clean0"].id]
    # What says anything at all is the policy, even where it says what holds anyway.
    (tmp_path / "pyproject.toml").write_text("[tool.versioning.retention]\nmin_age = '1d'", "utf-8")
    assert ask("prune")["policy"]["rules"] == []
    # An empty policy expires nothing.
    (tmp_path / "pyproject.toml").write_text("[tool.versioning.retention]", "utf-8")
    assert ask("prune")["policy"]["rules"] == []
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'", "utf-8")
    assert [rule["keep_last"] for rule in ask("prune")["policy"]["rules"]] == [10]


@pytest.mark.parametrize("by", ["step", "flow", "name", "age"])
def test_cost_counts_shared_bytes_once_and_for_nobody(
    flights: dict[str, Version], repository: Repository, ask: Ask, by: str
) -> None:
    shared = commit(repository, LARGE + bytes([0]), "other", minute=9)
    alias = {"alias": "champion", "version": flights["clean1"].id, "at": NOW.isoformat()}
    repository.append_name("m", alias)
    found = ask("cost", "--by", by)
    rows = {row["name"]: row for row in found["rows"]}
    held = sum(version.size_bytes for version in flights.values())
    assert found["total"]["exclusive_bytes"] == found["total"]["held_bytes"] == held
    assert found["total"]["versions"] == len(flights) + 1
    if by == "step":
        assert rows["clean"]["held_bytes"] == 2 * shared.size_bytes
        assert rows["clean"]["exclusive_bytes"] == shared.size_bytes
        assert rows["other"]["exclusive_bytes"] == 0
        assert rows["clean"]["per_month"] == pytest.approx(shared.size_bytes / 1e9 * 0.023)
    if by == "name":
        assert rows["m@champion"]["exclusive_bytes"] == flights["clean1"].size_bytes
    if by == "age":
        assert sum(row["versions"] for row in rows.values()) == len(flights) + 1


def test_cost_tells_when_the_budget_is_reached_and_draws_it(
    flights: dict[str, Version], ask: Ask, read: Ask, tmp_path: Path
) -> None:
    path = tmp_path / "budget.toml"
    rule = "[[rules]]\nstep = 'clean'\nmax_bytes = '1 kB'\n"
    path.write_text(f"max_bytes = '1 GB'\nmax_money = 0\n{rule}", "utf-8")
    picture = tmp_path / "reports" / "cost.png"
    found = ask("cost", "--policy", str(path), "--plot", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    [of_rule, in_bytes, in_money] = found["forecasts"]
    assert (of_rule["budget"], of_rule["most"]) == ("rule 1: max_bytes", 1000)
    assert in_bytes["most"] == 10**9
    assert in_money["at"] == found["now"]
    assert found["history"][-1]["held_bytes"] == found["total"]["held_bytes"]
    told = read("cost", "--policy", str(path))
    assert "The budget of 1.0 kB of rule 1 is reached: `versioning prune`" in told
    assert "The budget of 1.0 GB is not reached as it grows now." in told
    assert "The budget of 0.00 a month is reached: `versioning prune`" in told


def test_cost_is_a_table_with_its_total(flights: dict[str, Version], read: Ask) -> None:
    told = read("cost").splitlines()
    assert [word in told[1] for word in ("step", "holds", "only these", "a month")] == [True] * 4
    assert any(line.split()[:2] == ["all", "5"] for line in told)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prune", "--policy", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["prune", "--apply", "--plan", "0123"], "has no plan 0123"),
        (["prune", "--policy", "x.toml", "--plan", "0123"], "a plan has its policy already"),
        (["undo", "0123"], "has no plan 0123"),
        (["cost", "--by", "moon"], "not by 'moon'"),
        (["cost", "--plot", "cost.pdf"], "written as .png or .svg, not as 'pdf'"),
        (["cost", "--price", "-1"], "price_per_gb_month: Input should be greater"),
    ],
)
def test_prune_says_what_is_wrong(
    flights: dict[str, Version],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_invalidate_shows_and_does_nothing_until_asked(
    flights: dict[str, Version], ask: Ask, read: Ask
) -> None:
    told = read("invalidate", "load", "--down")
    assert "5 versions would be invalidated." in told
    assert "give --apply" in told
    assert all(row["status"] == "live" for row in ask("list"))
    told = read("invalidate", "clean~1")
    assert "1 version made from these would stay: --down takes them, too." in told


def test_invalidate_marks_and_says_why(flights: dict[str, Version], ask: Ask, read: Ask) -> None:
    done = ask("invalidate", "clean~0", "--down", "--reason", "a bug", "--apply")
    assert done["applied"] is True
    assert [(item["step"], item["was"]) for item in done["versions"]] == [
        ("clean", "invalid"),
        ("train", "invalid"),
    ]
    assert _status(ask, flights["clean1"]) == "invalid"
    assert _status(ask, flights["clean0"]) == "live"
    shown = ask("show", flights["train1"].id)
    assert shown["invalidated"]["reason"] == "a bug"
    status = next(line for line in read("show", "train").splitlines() if "status" in line)
    assert status.endswith(f": a bug (made from clean {flights['clean1'].id[:12]})")
    assert "2 versions are invalid: a bug" in read(
        "invalidate", "clean~0", "--down", "--reason", "a bug", "--apply"
    )


def test_what_is_invalid_and_in_the_trash_is_said_to_be_in_the_trash(
    flights: dict[str, Version], ask: Ask, read: Ask, policy: str
) -> None:
    read("prune", "--policy", policy, "--apply")
    read("invalidate", "clean", "--reason", "a bug", "--apply")
    assert _status(ask, flights["clean0"]) == "trashed"
    assert _status(ask, flights["clean1"]) == "invalid"
    status = next(
        line for line in read("show", flights["clean0"].id).splitlines() if "status" in line
    )
    assert "trashed, and invalid by" in status


def test_the_next_version_tells_that_the_last_was_invalidated(
    flights: dict[str, Version], repository: Repository, ask: Ask, read: Ask
) -> None:
    load = flights["load"]
    read("invalidate", "load", "--reason", "wrong export", "--apply")
    again = commit(repository, {"rows": 2}, "load", minute=9)
    assert again.key == load.key
    assert ask("why", "load")["invalidated"] == "wrong export"
    assert f"{load.id[:12]} was invalidated: wrong export" in read("why", "load")


def test_erasure_is_refused_with_1_and_forced(
    flights: dict[str, Version], repository: Repository, ask: Ask, read: Ask
) -> None:
    repository.pin(flights["clean1"].id, "audit")
    asked = ["invalidate", "clean~0", "--erase", "--reason", "GDPR 17", "--apply"]
    # Whoever only looks is told, too.
    assert len(ask(*asked[:-1], code=1)["obstacles"]) == 1
    assert ask(*asked[:-1], "--force")["applied"] is False
    refused = ask(*asked, code=1)
    assert (refused["applied"], len(refused["obstacles"])) == (False, 1)
    assert "is pinned: audit" in read(*asked, code=1)
    assert _status(ask, flights["clean1"]) == "live"
    assert "1 version is invalid and erased: GDPR 17" in read(*asked, "--force")
    assert _status(ask, flights["clean1"]) == "erased"
    assert "1 erased on request" in read("verify")
    assert ask(*asked, "--force")["left"] == []
    assert ask("verify")["erased"] == [flights["clean1"].id]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["invalidate"], "name a step or a version"),
        (["invalidate", "moon"], "no version is named 'moon'"),
        (["invalidate", "load", "--apply"], "give a reason"),
    ],
)
def test_invalidate_says_what_is_wrong(
    flights: dict[str, Version], refused: Ask, arguments: list[str], said: str
) -> None:
    assert said in refused(*arguments, code=2)


def test_an_invalidation_is_not_undone(flights: dict[str, Version], ask: Ask, refused: Ask) -> None:
    plan = ask("invalidate", "load", "--reason", "x", "--apply")["plan"]
    assert "which is final" in refused("undo", plan, code=2)


def test_prune_prints_the_schema_of_a_policy(read: Ask) -> None:
    schema = json.loads(read("prune", "--schema"))
    assert schema["properties"]["max_money"]
    assert schema["additionalProperties"] is False


def test_show_tells_what_protects_a_version(
    flights: dict[str, Version], read: Ask, ask: Ask
) -> None:
    def rows() -> list[list[str]]:
        lines = map(str.split, read("show", "train").splitlines())
        return [words for words in lines if words[:1] in (["chance"], ["pinned"])]

    assert rows() == [["chance", "-"], ["pinned", "-"]]
    ask("pin", "train", "--reason", "audit")
    assert rows() == [["chance", "-"], ["pinned", "audit"]]
    ask("pin", "train", "--reason", "case 12", "--hold")
    assert rows() == [["chance", "-"], ["pinned", "by", "a", "legal", "hold:", "case", "12"]]
    assert ask("show", "train")["hold"] is True


def test_a_hold_is_released_by_name(flights: dict[str, Version], ask: Ask, refused: Ask) -> None:
    assert ask("pin", "train", "--reason", "case 12", "--hold")["hold"] is True
    assert "under a legal hold: case 12" in refused("unpin", "train", code=2)
    asked = ["invalidate", "train~0", "--erase", "--force", "--reason", "x", "--apply"]
    assert ask(*asked, code=1)["applied"] is False
    assert ask("unpin", "train", "--release")["pinned"] is False
