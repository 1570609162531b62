"""A step that gives two values for one key: both stay, and everybody is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import flow

from tests.surface import reading
from versioning import Repository, Version
from versioning.integrations.prefect import run_table
from versioning.trust import found_by_audits, label


def kept_and_other(repository: Repository, first: Version) -> tuple[Version, Version]:
    """The version that answers the key, and the one with another value."""
    (other,) = [v for v in repository.versions(step=first.step) if v.id != first.id]
    return first, other


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.txt"
    path.write_text("before")
    return path


def test_who_is_second_with_another_value_is_kept_and_told(
    file: Path, repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    """As two machines that compute one key at once."""
    calls = [reading.content_of.step.call(repository, {"path": str(file)}) for _ in range(2)]
    first, again = (call.commit(v, seconds=0.1) for call, v in zip(calls, "ab", strict=True))
    assert first == again
    kept, other = kept_and_other(repository, first)
    assert (kept.load(), other.load()) == ("a", "b")
    assert "gave two values for the same key" in caplog.text
    assert {label(repository, v.record) for v in (kept, other)} == {"not reproducible"}


def test_a_run_that_replaces_a_value_as_asked_says_so(file: Path, repository: Repository) -> None:
    plain = flow(lambda step: step(str(file)), name="plain", validate_parameters=False)
    first = plain(reading.content_of)
    file.write_text("after")
    second = plain(reading.content_of.with_options(refresh_cache=True))
    (row,) = run_table().rows
    assert (row.status, row.version, row.trust) == ("differs", second.id, "not reproducible")
    assert row.why == f"another value for the same key than version {first.id[:12]}"
    assert (first.load(), second.load()) == ("before", "after")
    (cell,) = run_table().cells()
    assert cell["audits"] == "not reproducible"
    assert not run_table().is_reproducible


def test_another_value_than_that_of_lost_bytes_is_told(file: Path, repository: Repository) -> None:
    plain = flow(lambda: reading.content_of(str(file)), name="plain")
    first = plain()
    repository.unbind(first.record)
    file.write_text("after")
    assert plain().load() == "after"
    (row,) = run_table().rows
    assert row.status == "differs"
    assert f"another value than version {first.id[:12]}" in row.why
    (found,) = found_by_audits(repository)
    assert (found["version"], found["other"]) == (row.version, first.id)


def test_a_step_that_reads_the_world_may_give_what_it_likes(
    file: Path, repository: Repository
) -> None:
    volatile = reading.content_of.with_options(volatile=True)
    plain = flow(lambda: volatile(str(file)), name="plain")
    plain()
    file.write_text("after")
    assert plain().load() == "after"
    assert [row.status for row in run_table().rows] == ["miss"]
    assert found_by_audits(repository) == []
