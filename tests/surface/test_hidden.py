"""Steps that read what their keys cannot see, in real flows."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prefect import flow
from prefect.task_runners import ProcessPoolTaskRunner

from tests.surface import reading
from versioning import Repository, Source, UnkeyableError, Version, versioned
from versioning.cli.app import run as command
from versioning.integrations.prefect import run_table


@pytest.fixture(autouse=True)
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "model.toml"
    path.write_text("rate = 1")
    monkeypatch.setenv("MODEL_FILE", str(path))
    return path


def hidden(version: Version) -> list[tuple[str, str]]:
    return [(item["kind"], item["what"]) for item in version.record.meta["hidden"]]


def test_a_read_is_recorded_logged_and_shown(
    settings_file: Path, caplog: pytest.LogCaptureFixture, capsys, repository: Repository
) -> None:
    version = flow(lambda: reading.configured(2), name="plain")()
    assert hidden(version) == [("environment", "MODEL_FILE"), ("file", str(settings_file))]
    assert version.record.meta["hidden"][0]["where"] == "tests.surface.reading:configured"
    (line,) = [r for r in caplog.records if "read what its key cannot see" in r.getMessage()]
    assert line.levelname == "WARNING"
    assert f"file {settings_file}" in line.getMessage()
    (row,) = run_table().rows
    assert row.hidden == version.record.meta["hidden"]
    assert f"its key cannot see environment MODEL_FILE, file {settings_file}" in row.reason
    assert "cannot see" in run_table().cells()[0]["why"]
    command(["show", version.id, "--repository", repository.url])
    assert str(settings_file) in capsys.readouterr().out


def test_what_is_read_is_told_by_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    from versioning.integrations.prefect import notices

    sent: list[tuple[str, dict]] = []
    monkeypatch.setattr(
        notices, "emit_event", lambda **event: sent.append((event["event"], event["payload"]))
    )
    flow(lambda: reading.configured(2), name="plain")()
    (payload,) = [payload for event, payload in sent if event == "versioning.hidden"]
    assert payload["step"] == "configured"
    assert [read["kind"] for read in payload["reads"]] == ["environment", "file"]


def test_a_step_that_reads_nothing_says_so_and_warns_of_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    version = flow(lambda: reading.plain(3), name="plain")()
    assert hidden(version) == []
    assert not [r for r in caplog.records if "cannot see" in r.getMessage()]
    assert run_table().rows[0].reason == "first version"


@versioned
def with_rates(table: pd.DataFrame, names: list[str], plain: int = 1) -> int:
    table["rate"] = plain
    return len(names)


@versioned
def only_reads(table: pd.DataFrame, names: list[str]) -> int:
    return len(table) + len(names)


def test_a_body_that_changes_what_it_was_given_is_told_of(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], repository: Repository
) -> None:
    table = pd.DataFrame({"delay": [1.0]})
    version = with_rates(table, ["a"])
    (line,) = [r.getMessage() for r in caplog.records if "in place" in r.getMessage()]
    assert line.startswith("with_rates changes its parameter table in place")
    command(["show", version.id, "--repository", repository.url])
    assert "changes table in place" in capsys.readouterr().out


def test_a_body_that_changes_its_own_copy_or_nothing_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = versioned(lambda: pd.DataFrame({"delay": [1.0]}), name="table")()
    with_rates(table, ["a", "b"])
    only_reads(pd.DataFrame({"delay": [2.0]}), ["a"])
    assert not [r for r in caplog.records if "in place" in r.getMessage()]


def test_a_strict_step_fails_before_anything_is_stored(repository: Repository) -> None:
    strict = reading.configured.with_options(strict=True)
    with pytest.raises(UnkeyableError, match="is strict and read what its key cannot see") as error:
        strict(2)
    assert {read["kind"] for read in error.value.reads} == {"environment", "file"}
    assert list(repository.ids()) == []
    assert list(repository.bindings()) == []


def test_a_strict_step_takes_no_version_that_was_made_from_what_its_key_cannot_see(
    settings_file: Path,
) -> None:
    found = reading.configured(2)
    settings_file.write_text("rate = 2")
    with pytest.raises(UnkeyableError, match="is strict and read"):
        reading.configured.with_options(strict=True)(2)
    assert reading.configured(2).id == found.id
    plain = reading.plain(3)
    assert reading.plain.with_options(strict=True)(3).id == plain.id


def test_the_setting_makes_all_steps_strict_and_a_step_may_be_excused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VERSIONING_STRICT", "1")
    monkeypatch.setenv("VERSIONING_REPOSITORY", os.environ["VERSIONING_REPOSITORY"] + "-strict")
    with pytest.raises(UnkeyableError):
        reading.configured(2)
    assert reading.configured.with_options(strict=False)(2).load() == "2 rate = 1"
    assert reading.plain(3).load() == 3


def test_declared_steps_may_read_what_they_are_declared_for() -> None:
    volatile = reading.configured.with_options(volatile=True, strict=True)
    assert volatile(2).load() == "2 rate = 1"
    assert hidden(volatile(2)) == []


def test_inputs_are_not_hidden(settings_file: Path) -> None:
    options = {"strict": True}
    assert reading.content.with_options(**options)(settings_file).load() == "rate = 1"
    assert reading.content.with_options(**options)(Source(str(settings_file))).load() == "rate = 1"
    declared = reading.reads_a_known_file.with_options(code_deps=[settings_file], strict=True)
    assert declared(str(settings_file)).load() == "rate = 1"


def test_every_kind_of_call_is_watched(settings_file: Path) -> None:
    file = ("file", str(settings_file))

    @flow
    def calls() -> list[Version]:
        submitted = reading.content_of.submit(str(settings_file)).result()
        mapped = reading.dated.map(["a", "b"]).result()
        return [submitted, *mapped]

    assert [hidden(version) for version in calls()] == [[file], *2 * [[("clock", "datetime.now")]]]
    assert hidden(asyncio.run(reading.slowly(str(settings_file)))) == [file]
    assert hidden(reading.lines(str(settings_file))) == [file]


def test_bodies_that_run_at_once_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(6)]
    for path in paths:
        path.write_text("x")

    @flow
    def at_once() -> list[Version]:
        return reading.content_of.map([str(path) for path in paths]).result()

    assert [hidden(version) for version in at_once()] == [[("file", str(p))] for p in paths]


def test_a_step_inside_a_step_is_told_of_by_itself(settings_file: Path) -> None:
    outer = flow(lambda: reading.around(str(settings_file)), name="plain")()
    assert hidden(outer) == [("clock", "datetime.now")]
    rows = {row.step: row.hidden for row in run_table().rows}
    assert [read["kind"] for read in rows["content_of"]] == ["file"]


@pytest.mark.slow
def test_a_process_pool_is_watched(settings_file: Path) -> None:
    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def elsewhere() -> Version:
        return reading.content_of.submit(str(settings_file)).result()

    assert hidden(elsewhere()) == [("file", str(settings_file))]
    assert run_table().rows[0].hidden[0]["kind"] == "file"


def test_keys_stay_the_same_once_bodies_are_watched(tmp_path: Path) -> None:
    keys = reading.keys_before_and_after(tmp_path)
    assert keys[0] == keys[1]


def test_figures_of_parallel_libraries_are_no_hidden_reads() -> None:
    @versioned(strict=True)
    def forest(seed: int = 3) -> float:
        from sklearn.datasets import load_iris
        from sklearn.ensemble import RandomForestClassifier

        data, labels = load_iris(return_X_y=True)
        model = RandomForestClassifier(20, n_jobs=2, random_state=seed).fit(data, labels)
        return float(model.score(data, labels))

    @versioned(strict=True)
    def pooled(seed: int = 3) -> float:
        with ThreadPoolExecutor(2) as pool:
            parts = pool.map(lambda n: np.random.default_rng([seed, n]).random(), range(4))
            return float(sum(parts))

    assert forest().load() > 0.9
    assert pooled().load() > 0
