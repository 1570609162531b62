"""Wheels of what was installed, kept so that no index is needed while a version needs them."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.rerun.projects import erase, wheel
from tests.steps import opened
from versioning import NotFoundError, Repository
from versioning.capture.archive import Archive, archive, archive_of
from versioning.capture.keeping import keep_value
from versioning.capture.lock import Distribution, located
from versioning.capture.wheels import pack
from versioning.keys import root_key, text_leaf
from versioning.planning import plan
from versioning.records import ENVIRONMENT, VersionRecord, dump_input
from versioning.repository import Draft
from versioning.rerun.shelves import not_rebuildable
from versioning.retention import Policy, Rule

# More than a record holds.
LARGE = f"DATA = {random.Random(0).randbytes(100_000).hex()!r}\n"
SCRIPT = "#!/usr/bin/python\nprint('told')\n"


def site(folder: Path, *names: str) -> str:
    """A folder in which distributions are installed, deep below another as in environments."""
    place = folder / "lib" / "python3.11" / "site-packages"
    for name in names:
        with ZipFile(wheel(folder, name, "1.0", f"{LARGE}NAME = {name!r}\n")) as archive:
            archive.extractall(place)
    return str(place)


def installed_in(place: str) -> list[Distribution]:
    return [found for found, _ in located([place]).values()]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


def kept(repository: Repository, place: str) -> tuple[Archive, VersionRecord]:
    """The archive of what is installed in a folder, and a version that ran with it."""
    lock = installed_in(place)
    environment = keep_value(repository, ENVIRONMENT, {"distributions": lock, "machine": {}})
    made = archive(repository, environment, lock, [place])
    capture = {"source": dump_input(environment), "environment": dump_input(environment)}
    leaves = (text_leaf("step", environment.id),)
    draft = Draft(
        root_key(leaves),
        leaves,
        "train",
        "job:train",
        datetime.now(UTC),
        1.0,
        meta={"capture": capture},
    )
    return made, repository.commit(LARGE.encode() + environment.id.encode(), draft)


def steps(repository: Repository, found: Policy) -> set[str]:
    made = plan(repository, repository.catalog, found, datetime.now(UTC))
    return {decision.candidate.step for decision in made.expire}


def test_what_no_index_has_is_had_from_an_archive(repository: Repository, tmp_path: Path) -> None:
    place = site(tmp_path, "scaling")
    direct = '{"url": "git+https://example.org/scaling@abc"}'
    Path(place, "scaling-1.0.dist-info", "direct_url.json").write_text(direct)
    lock = installed_in(place)
    environment = keep_value(repository, ENVIRONMENT, {"distributions": lock, "machine": {}})
    assert list(not_rebuildable(repository, environment, lock)) == ["scaling"]
    archive(repository, environment, lock, [place])
    assert not_rebuildable(repository, environment, lock) == {}


def test_a_wheel_is_packed_from_what_is_installed_and_is_the_same_each_time(tmp_path: Path) -> None:
    place = site(tmp_path, "scaling")
    info = Path(place, "scaling-1.0.dist-info")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name in ("tell", "made"):
        (bin_ / name).write_text(SCRIPT)
    (info / "entry_points.txt").write_text("[console_scripts]\nmade = scaling:main\n")
    rows = [
        "scaling-1.0.dist-info/entry_points.txt,,",
        "../../../bin/tell,,",
        "../../../bin/made,,",
        "../../../share/doc.txt,,",
    ]
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "doc.txt").write_text("read me")
    with (info / "RECORD").open("a") as record:
        record.write("\n".join([*rows, "scaling-1.0.dist-info/INSTALLER,,", "__pycache__/x.pyc,,"]))
    before = installed_in(place)
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    made = pack(info, first)
    assert made.name == "scaling-1.0-py3-none-any.whl"
    assert made.read_bytes() == pack(info, second).read_bytes()
    target = tmp_path / "target"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
    subprocess.run([*command, "--prefix", target, made], check=True)
    again = located([str(next(target.glob("lib/*/site-packages")))])
    assert [found["record"] for found, _ in again.values()] == [before[0]["record"]]
    assert (target / "bin" / "tell").read_text().splitlines()[0].endswith(sys.executable)
    assert (target / "bin" / "made").exists()
    assert (target / "share" / "doc.txt").read_text() == "read me"


def test_what_is_here_packs_into_wheels_with_the_same_files(tmp_path: Path) -> None:
    """Large ones aside: extension modules, data files, scripts, several tags."""
    for name in ("blake3", "orjson", "pydantic", "setuptools", "six"):
        found, info = located(sys.path)[name]
        made = pack(info, tmp_path)
        with ZipFile(made) as archive:
            archive.extractall(tmp_path / name)
        (again,) = installed_in(str(tmp_path / name))
        assert again == found | {"record": again["record"]}
        assert again["record"] == found["record"]


def test_what_was_not_installed_from_a_wheel_is_told(tmp_path: Path) -> None:
    place = Path(site(tmp_path, "scaling"))
    (place / "scaling.py").unlink()
    with pytest.raises(NotFoundError, match=r"lists scaling\.py, which cannot be read"):
        pack(place / "scaling-1.0.dist-info", tmp_path)
    (place / "scaling-1.0.dist-info" / "WHEEL").unlink()
    with pytest.raises(NotFoundError, match="install it again with pip"):
        pack(place / "scaling-1.0.dist-info", tmp_path)


def test_environments_share_wheels_and_are_found_by_what_is_in_them(
    repository: Repository, tmp_path: Path
) -> None:
    first, _ = kept(repository, site(tmp_path / "a", "scaling", "harmless"))
    place = site(tmp_path / "b", "scaling", "harmless", "third")
    second, _ = kept(repository, place)
    assert {item.id for item in first.record.inputs} < {item.id for item in second.record.inputs}
    assert len(second.record.inputs) == 3
    assert repository.verify().is_sound
    assert kept(repository, place)[0].record.id == second.record.id
    second.lay(repository, tmp_path / "wheels")
    assert len(list((tmp_path / "wheels").glob("*.whl"))) == 3


def test_distributions_that_cannot_be_packed_are_told_and_the_rest_is_kept(
    repository: Repository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = site(tmp_path, "scaling", "harmless")
    lock = installed_in(place)
    environment = keep_value(repository, ENVIRONMENT, {"distributions": lock})
    Path(place, "harmless.py").unlink()
    made = archive(repository, environment, [*lock, {"name": "gone", "version": "2"}], [place])
    assert not made.is_whole
    assert set(made.missing) == {"harmless", "gone"}
    assert "2 distributions are not archived" in caplog.text
    assert [item.name for item in made.record.inputs] == ["scaling"]


def test_an_archive_stays_as_long_as_a_version_that_ran_with_it(
    repository: Repository, tmp_path: Path
) -> None:
    first, old = kept(repository, site(tmp_path / "a", "scaling", "old"))
    second, _ = kept(repository, site(tmp_path / "b", "scaling", "new"))
    policy = Policy(rules=(Rule(step="train", keep_last=1),), min_age="0s", trash="0s")
    made = plan(repository, repository.catalog, policy, datetime.now(UTC))
    going = {decision.candidate.id: decision.expire for decision in made.expire}
    (only_old,) = {i.id for i in first.record.inputs} - {i.id for i in second.record.inputs}
    assert going.keys() == {old.id, only_old}
    assert going[only_old] == "no version is kept that ran with these wheels"
    repository.pin(old.id, reason="audit")
    assert steps(repository, policy) == set()
    erase(repository, old)
    assert steps(repository, policy) == {"captured:wheel"}


def test_an_archive_without_a_wheel_is_made_again(repository: Repository, tmp_path: Path) -> None:
    place = site(tmp_path, "scaling", "harmless")
    first, _ = kept(repository, place)
    erase(repository, repository.record(first.record.inputs[0].id))
    environment = keep_value(
        repository, ENVIRONMENT, {"distributions": installed_in(place), "machine": {}}
    )
    assert archive_of(repository, environment) is None
    again, _ = kept(repository, place)
    assert again.record.id != first.record.id
    assert archive_of(repository, environment) == again
