"""Steps on a real S3 server, from two machines that share nothing else."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from prefect import flow

from tests import servers
from tests.surface import steps
from tests.surface.journal import Journal, note
from tests.surface.runners import dask, ray
from versioning import Repository, Version, layout, open_repository, versioned
from versioning.storage import Store

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@versioned
def noise(count: int, seed: int = 7) -> np.ndarray:
    note("noise")
    return np.random.default_rng(seed).normal(size=count)


@versioned
def mean(values: np.ndarray) -> float:
    note("mean")
    return float(values.mean())


@flow
def pipeline(count: int) -> float:
    return mean(noise(count)).load()


@pytest.fixture
def s3(serving: Callable[..., servers.Server]) -> servers.Server:
    return serving(servers.s3_server)


@pytest.fixture(scope="module")
def proven() -> dict[str, bytes]:
    """The record of a repository whose store was tested: SeaweedFS takes seconds for that."""
    return {}


@pytest.fixture
def bucket(
    s3: servers.Server, proven: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """A repository in a bucket of its own, which steps find as users' steps do."""
    for name, value in s3.environ.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{s3.bucket()}/versioning"
    for place, record in proven.items():
        Store.open(url).put(place, record)
    monkeypatch.setenv("VERSIONING_REPOSITORY", url)
    repository = open_repository()
    proven[layout.REPOSITORY] = repository.store.get(layout.REPOSITORY)
    return repository


def test_a_second_run_on_s3_computes_nothing(bucket: Repository, ran: Journal) -> None:
    first = pipeline(50_000)
    assert ran.take() == ["noise", "mean"]
    assert pipeline(50_000) == first
    assert ran.take() == []
    assert bucket.verify().is_sound
    assert [version.step for version in bucket.versions()] == ["mean", "noise"]


def test_another_machine_reuses_what_is_in_the_bucket(
    bucket: Repository, ran: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = noise(50_000)
    other = Repository.open(bucket.url)
    monkeypatch.setenv("VERSIONING_CACHE", str(tmp_path / "another machine"))
    elsewhere = Repository.open(bucket.url)
    assert elsewhere.settings.cache != other.settings.cache
    loaded = elsewhere.load(elsewhere.record(handle.id))
    assert np.array_equal(loaded, handle.load())
    assert noise(50_000).id == handle.id
    assert ran.take() == ["noise"]


def test_lost_and_damaged_objects_are_made_again(bucket: Repository, ran: Journal) -> None:
    noise(50_000)
    [blob] = [entry.name for entry in bucket.store.list("blobs/")]
    bucket.store.delete(blob)
    noise(50_000)
    assert ran.take() == ["noise", "noise"]
    [blob] = [entry.name for entry in bucket.store.list("blobs/")]
    bucket.store.put(blob, bytes(bucket.store.size(blob)))
    assert bucket.verify().damaged


# MAPPED=2000 tries as many as a large sweep has.
MAPPED = int(os.environ.get("MAPPED", "12"))


@pytest.mark.timeout(1800 if MAPPED > 100 else 300)
@pytest.mark.parametrize("runner", [dask, ray])
def test_values_of_mapped_steps_never_pass_through_the_scheduler(
    runner, bucket: Repository, ran: Journal
) -> None:
    @flow(task_runner=runner())
    def mapped() -> list[Version]:
        return mean.map(noise.map(20_000, seed=range(MAPPED))).result()

    found = mapped()
    assert max(len(pickle.dumps(version)) for version in found) < 2_000
    assert sorted(ran.take()) == ["mean"] * MAPPED + ["noise"] * MAPPED
    assert [version.id for version in mapped()] == [version.id for version in found]
    assert ran.take() == []
    assert bucket.verify().is_sound


def test_mapped_steps_on_s3(bucket: Repository, ran: Journal) -> None:
    @flow
    def mapped() -> int:
        return steps.total(steps.double.map([[n] for n in range(10)]).result()).load()

    assert [mapped(), mapped()] == [90, 90]
    assert len(ran.take()) == 11
