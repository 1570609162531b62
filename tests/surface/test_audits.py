"""Hits that run again on request: `VERSIONING_AUDIT`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from prefect import flow

from tests.surface import reading, steps
from tests.surface.journal import Journal
from versioning import Repository, UnkeyableError, Version, open_repository
from versioning.cli.app import run as command
from versioning.integrations.prefect import run_table
from versioning.trust import is_due, label


@pytest.fixture(autouse=True)
def repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """Every hit is audited; the settings of an open repository do not change."""
    monkeypatch.setenv("VERSIONING_AUDIT", "1")
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "audited"))
    return open_repository()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.txt"
    path.write_text("before")
    return path


def listed(repository: Repository, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    assert command(["list", "--json", "--repository", repository.url]) == 0
    return {row["id"]: row["trust"] for row in orjson.loads(capsys.readouterr().out)}


def test_a_hit_that_gives_the_same_again_is_told_so(
    ran: Journal, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = flow(lambda: [steps.numbers(), steps.numbers.submit().result()], name="plain")
    first, again = pipeline()
    assert first.id == again.id
    assert ran.take() == ["numbers", "numbers"]
    assert [row.status for row in run_table().rows] == ["miss", "audit"]
    assert "1 audited, of which 0 differ" in run_table().summary()
    assert run_table().is_reproducible
    assert listed(repository, capsys) == {first.id: "reproducible"}
    assert len(list(repository.ids())) == 1


def test_a_hit_that_gives_another_value_is_an_incident(
    file: Path,
    repository: Repository,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pipeline = flow(lambda: reading.content_of(str(file)), name="plain")
    kept: Version = pipeline()
    file.write_text("after")
    caplog.clear()
    assert pipeline().id == kept.id
    (row,) = run_table().rows
    assert (row.status, row.version) == ("differs", kept.id)
    assert not run_table().is_reproducible
    (line,) = [r for r in caplog.records if "gave another value" in r.getMessage()]
    assert line.levelname == "ERROR"
    (other,) = set(repository.ids()) - {kept.id}
    assert other[:12] in line.getMessage()
    assert other[:12] in row.why
    assert repository.lookup(kept.key).id == kept.id
    assert (kept.load(), repository.get(other).load()) == ("before", "after")
    assert repository.record(other).meta["run"]["audit_of"] == kept.id
    assert not repository.diff(kept, other)["same_value"]
    assert listed(repository, capsys) == dict.fromkeys((kept.id, other), "not reproducible")
    assert command(["show", kept.id, "--repository", repository.url]) == 0
    assert "not reproducible" in capsys.readouterr().out
    file.write_text("before")
    pipeline()
    assert label(repository, kept.record) == "not reproducible"
    assert repository.verify().is_sound


def trusted(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict]]:
    capsys.readouterr()
    code = command(["trust", "--json", *arguments])
    return code, orjson.loads(capsys.readouterr().out)


def test_a_command_says_whether_an_audit_differed(
    file: Path, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    steps.numbers()
    assert trusted(capsys=capsys) == (0, [])
    steps.numbers()
    code, (same,) = trusted(capsys=capsys)
    assert (code, same["step"], same["verdict"], same["other"]) == (0, "numbers", "same", None)
    kept = reading.content_of(str(file))
    file.write_text("after")
    reading.content_of(str(file))
    code, (differs, _) = trusted(capsys=capsys)
    (other,) = {v.id for v in repository.versions(step="content_of")} - {kept.id}
    assert (code, differs["verdict"], differs["step"]) == (1, "differs", "content_of")
    assert (differs["version"], differs["other"], differs["key"]) == (kept.id, other, kept.key)
    assert trusted("--step", "numbers", capsys=capsys) == (0, [same])
    assert trusted("--since", "2999-01-01", capsys=capsys) == (0, [])
    assert trusted("--since", "1h", capsys=capsys)[0] == 1
    assert command(["trust"]) == 1
    shown = capsys.readouterr().out
    assert f"versioning diff {kept.id[:12]} {other[:12]}" in shown


def test_a_damaged_finding_of_an_audit_is_no_answer(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    steps.numbers()
    steps.numbers()
    (entry,) = repository.store.list("trust/")
    path = Path(repository.url, entry.name)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"same", b"okay"))
    assert command(["trust"]) == 1
    assert entry.name in capsys.readouterr().err


def test_a_difference_has_an_event(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from versioning.integrations.prefect import notices

    sent: list[tuple[str, dict]] = []
    monkeypatch.setattr(
        notices, "emit_event", lambda **event: sent.append((event["event"], event["payload"]))
    )
    kept = reading.content_of(str(file))
    file.write_text("after")
    reading.content_of(str(file))
    (payload,) = [payload for event, payload in sent if event == "versioning.differs"]
    assert (payload["step"], payload["version"]) == ("content_of", kept.id)
    assert payload["other"] != kept.id


def test_async_steps_tuples_and_generators_are_audited(ran: Journal) -> None:
    for _ in range(2):
        asyncio.run(steps.double_slowly([1, 2]))
        steps.halves([1, 2, 3, 4])
        steps.count_up(3)
    assert sorted(ran.take()) == sorted(["double_slowly", "halves", "count_up"] * 2)


def test_a_tuple_that_differs_in_one_part_differs(file: Path) -> None:
    pipeline = flow(lambda: reading.with_name(str(file)), name="plain")
    kept = pipeline()
    file.write_text("after")
    assert [part.id for part in pipeline()] == [part.id for part in kept]
    assert [row.status for row in run_table().rows] == ["differs", "differs"]
    assert kept[1].load() == "before"


def test_volatile_steps_and_effects_never_run_for_an_audit(file: Path) -> None:
    acts = reading.acts.with_options(effect=True)
    acts(str(file))
    acts(str(file))
    assert file.read_text() == "before."
    volatile = reading.content_of.with_options(volatile=True)
    flow(lambda: [volatile(str(file)), volatile(str(file))], name="plain")()
    assert [row.status for row in run_table().rows] == ["miss", "miss"]


def test_an_audit_of_a_strict_step_is_strict(file: Path, repository: Repository) -> None:
    kept = reading.content_of(str(file))
    with pytest.raises(UnkeyableError, match="is strict"):
        reading.content_of.with_options(strict=True)(str(file))
    assert list(repository.ids()) == [kept.id]


def test_a_step_that_was_changed_is_trusted_anew(file: Path, repository: Repository) -> None:
    kept = reading.content_of(str(file))
    file.write_text("after")
    reading.content_of(str(file))
    mended = reading.content_of.with_options(version="2")(str(file))
    assert label(repository, kept.record) == "not reproducible"
    assert label(repository, mended.record) == "unknown"


def test_an_audit_runs_nothing_unasked(
    ran: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERSIONING_AUDIT", "0")
    monkeypatch.setenv("VERSIONING_REPOSITORY", str(tmp_path / "not-audited"))
    steps.numbers()
    steps.numbers()
    assert ran.take() == ["numbers"]


def test_the_share_is_kept_and_the_choice_is_the_same_in_a_run() -> None:
    keys = [f"{number:064x}" for number in range(2000)]
    chosen = [key for key in keys if is_due(0.1, key, "run")]
    assert 140 < len(chosen) < 260
    assert chosen == [key for key in keys if is_due(0.1, key, "run")]
    assert chosen != [key for key in keys if is_due(0.1, key, "another")]
    assert all(is_due(1, key, "run") for key in keys)
    assert not any(is_due(0, key, "run") for key in keys)
