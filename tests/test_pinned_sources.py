"""Sources in what keeps its own history: git, DVC, lakeFS, versions of S3 objects, tags of HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs
from lakefs_spec import LakeFSFileSystem

from tests import servers
from tests.repositories import opened
from versioning import NotFoundError, Repository, Source, StorageError
from versioning.storage import external, pinned
from versioning.storage.pinned import pin

ROOT = Path(__file__).parents[1]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(str(tmp_path / "repository"), tmp_path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs whose bytes were read."""
    seen: list[str] = []
    read_url = external.read_url

    def noted(url: str) -> Iterator[bytes]:
        seen.append(url)
        return read_url(url)

    monkeypatch.setattr("versioning.sources.read_url", noted)
    return seen


def load(repository: Repository, url: str) -> bytes:
    data: bytes = Source(url).version(repository).load().read_bytes()
    return data


def origin(repository: Repository, url: str) -> dict[str, Any]:
    found: dict[str, Any] = Source(url).version(repository).record.meta["source"]
    return found


class Git:
    """A git repository with commits of its own author and no settings of the machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self("init", "-q", "-b", "main")

    def __call__(self, *args: str) -> str:
        who = {
            f"GIT_{role}_{what}": "a@b"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = ["git", "-C", str(self.folder), *args]
        found = subprocess.run(
            command, env={**os.environ, **who, **alone}, check=True, capture_output=True, text=True
        )
        return found.stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.folder / "days" / f"{name}.csv"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self("add", "-A")
        self("commit", "-q", "-m", "days")
        return self("rev-parse", "HEAD")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git(tmp_path / "data")


def test_a_branch_is_read_at_the_commit_it_is_at(
    repository: Repository, git: Git, read: list[str]
) -> None:
    url = f"git://{git.folder}:main@days/a.csv"
    first = git.commit(a="1")
    (git.folder / "days" / "a.csv").write_text("not committed")
    assert load(repository, url) == b"1"
    assert origin(repository, url) == {
        "url": f"git://{git.folder}:{first}@days/a.csv",
        "at": first,
    }
    assert len(read) == 1
    second = git.commit(a="2")
    assert load(repository, url) == b"2"
    assert origin(repository, url)["at"] == second
    assert len(read) == 2


@pytest.mark.parametrize("name", ["v1", "HEAD~1", "full", "short"])
def test_whatever_names_a_commit_gives_what_was_committed(
    repository: Repository, git: Git, name: str
) -> None:
    first = git.commit(a="1")
    git("tag", "-a", "v1", "-m", "one")
    git.commit(a="2")
    ref = {"full": first, "short": first[:8]}.get(name, name)
    assert load(repository, f"git://{git.folder}:{ref}@days/a.csv") == b"1"


def test_a_tag_that_moves_is_another_version(repository: Repository, git: Git) -> None:
    url = f"git://{git.folder}:v1@days/a.csv"
    git.commit(a="1")
    git("tag", "v1")
    first = Source(url).version(repository)
    git.commit(a="2")
    git("tag", "-f", "v1")
    second = Source(url).version(repository)
    assert (first.load().read_bytes(), second.load().read_bytes()) == (b"1", b"2")


def test_without_a_branch_what_is_committed_here_is_read(
    repository: Repository, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.commit(a="1")
    (git.folder / "days" / "a.csv").write_text("not committed")
    monkeypatch.chdir(git.folder / "days")
    assert load(repository, "git://days/a.csv") == b"1"
    assert load(repository, "git://main@days/a.csv") == b"1"
    assert load(repository, f"git://{git.folder}:days/a.csv") == b"1"


def test_a_folder_of_a_commit_is_whole(repository: Repository, git: Git) -> None:
    git.commit(a="1", b="2")
    git.commit(c="3")
    (folder := Source(f"git://{git.folder}:main~1@days").version(repository)).load()
    assert sorted(path.name for path in folder.load().iterdir()) == ["a.csv", "b.csv"]
    assert folder.step == "source:days"


@pytest.mark.parametrize("ref", ["no-branch", "0" * 40, "main..", ""])
def test_what_names_no_commit_is_not_found(repository: Repository, git: Git, ref: str) -> None:
    git("commit", "-q", "--allow-empty", "-m", "nothing") if ref else None
    with pytest.raises(NotFoundError, match="no branch, tag or commit"):
        Source(f"git://{git.folder}:{ref}@days/a.csv").version(repository)


def test_what_is_no_git_repository_is_not_found(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no git repository"):
        Source(f"git://{tmp_path}:main@a.csv").version(repository)


def test_a_file_that_a_commit_lacks_is_not_found(repository: Repository, git: Git) -> None:
    git.commit(a="1")
    for path in ("days/none.csv", "none/"):
        with pytest.raises(NotFoundError):
            Source(f"git://{git.folder}:main@{path}").version(repository)


def test_a_library_that_is_missing_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dvc.api", None)
    with pytest.raises(StorageError, match="pip install 'dvc'"):
        Source("dvc://days.csv").version(repository)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("git:///data:main@days/a.csv", "days/a.csv"),
        ("dvc://https://host/x.git:v1@a.csv", "a.csv"),
        ("dvc://git@host:x/y.git:v1@a.csv", "a.csv"),
        ("s3://bucket/a.csv?versionId=1", "s3://bucket/a.csv?versionId=1"),
    ],
)
def test_a_source_is_called_as_its_file(url: str, path: str) -> None:
    assert pinned.place_in(url) == path
    assert Source(url)._title == "a.csv" if "?" not in url else True


class Answers(BaseHTTPRequestHandler):
    """What a test says of each path, to those who ask for it."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        status, headers, body = self.server.answer(self.path)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


Answer = Callable[[str], tuple[int, dict[str, str], bytes]]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    running: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        server.answer = answer
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def test_a_page_is_read_again_when_its_tag_changes(
    repository: Repository, serve: Callable[[Answer], str], read: list[str]
) -> None:
    page = {"ETag": '"1"', "body": "one"}
    url = serve(lambda _: (200, {"ETag": page["ETag"]}, page["body"].encode())) + "/a.csv"
    assert load(repository, url) == load(repository, url) == b"one"
    assert len(read) == 1
    page.update({"ETag": '"2"', "body": "two"})
    assert load(repository, url) == b"two"


def test_a_page_with_a_weak_tag_is_read_each_time(
    repository: Repository, serve: Callable[[Answer], str]
) -> None:
    page = {"body": "one"}
    url = serve(lambda _: (200, {"ETag": 'W/"1"'}, page["body"].encode())) + "/a.csv"
    assert load(repository, url) == b"one"
    page["body"] = "two"
    assert load(repository, url) == b"two"


class StubOfLakeFS:
    """The calls of lakeFS's API that reading takes; no server of lakeFS can run here."""

    def __init__(self) -> None:
        self.commits = {"c1": {"days/a.csv": b"1"}, "c2": {"days/a.csv": b"2"}}
        self.refs = {"main": "c1"}

    def __call__(self, path: str) -> tuple[int, dict[str, str], bytes]:
        parts, _, query = path.removeprefix("/api/v1/").partition("?")
        match parts.split("/"):
            case ["repositories", "data"]:
                facts = {"creation_date": 1, "default_branch": "main"}
                return self._json({"id": "data", "storage_namespace": "s3://none", **facts})
            case ["repositories", "data", "commits", ref]:
                return self._commit(ref)
            case ["repositories", "data", "refs", ref, "objects", *rest]:
                files = self.commits.get(self.refs.get(ref, ref), {})
                wanted = query.partition("path=")[2].partition("&")[0].replace("%2F", "/")
                return self._object(files, wanted, "/".join(rest))
            case ["config"]:
                texts = ("type", "namespace_example", "namespace_ValidityRegex")
                can = ("pre_sign_support", "pre_sign_support_ui", "import_support")
                storage = {f"blockstore_{text}": "" for text in texts} | dict.fromkeys(can, False)
                return self._json({"storage_config": storage | {"import_validity_regex": ""}})
            case ["config", "version"]:
                return self._json({"version": "1.88.0"})
        return self._json({"message": f"nothing at {path}"}, 404)

    def _commit(self, ref: str) -> tuple[int, dict[str, str], bytes]:
        name = self.refs.get(ref, ref)
        if name not in self.commits:
            return self._json({"message": "not found"}, 404)
        facts = {"parents": [], "committer": "a", "message": "", "creation_date": 1}
        return self._json({"id": name, "meta_range_id": "m", **facts})

    def _object(
        self, files: dict[str, bytes], path: str, what: str
    ) -> tuple[int, dict[str, str], bytes]:
        if what == "ls":
            names = [name for name in files if name.startswith(path.partition("&")[0])]
            page = {"has_more": False, "next_offset": "", "results": len(names), "max_per_page": 9}
            return self._json(
                {"pagination": page, "results": [self._stat(n, files[n]) for n in names]}
            )
        if path not in files:
            return self._json({"message": "not found"}, 404)
        if what == "stat":
            return self._json(self._stat(path, files[path]))
        return 200, {"Content-Type": "application/octet-stream"}, files[path]

    def _stat(self, path: str, data: bytes) -> dict[str, Any]:
        place = {"path": path, "path_type": "object", "physical_address": "s3://none"}
        return {**place, "checksum": data.hex(), "mtime": 1, "size_bytes": len(data)}

    def _json(self, value: object, status: int = 200) -> tuple[int, dict[str, str], bytes]:
        return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.fixture
def lakefs(
    serve: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> StubOfLakeFS:
    stub = StubOfLakeFS()
    LakeFSFileSystem.clear_instance_cache()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", serve(stub))
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "secret")
    return stub


def test_a_branch_of_lakefs_is_read_at_its_commit(
    repository: Repository, lakefs: StubOfLakeFS
) -> None:
    url = "lakefs://data/main/days/a.csv"
    assert load(repository, url) == b"1"
    assert origin(repository, url) == {"url": "lakefs://data/c1/days/a.csv", "at": "c1"}
    lakefs.refs["main"] = "c2"
    assert load(repository, url) == b"2"
    assert load(repository, "lakefs://data/c1/days/a.csv") == b"1"


def test_a_branch_that_lakefs_does_not_have_is_not_found(
    repository: Repository, lakefs: StubOfLakeFS
) -> None:
    with pytest.raises(NotFoundError, match="'none' is no branch"):
        Source("lakefs://data/none/days/a.csv").version(repository)
    with pytest.raises(NotFoundError):
        Source("lakefs://data/main/days/none.csv").version(repository)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_version_of_an_object_on_s3_stays_what_it_was(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    with servers.moto_server() as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        bucket, client = server.bucket(), boto3.client("s3")
        on = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=on)
        ids = [
            client.put_object(Bucket=bucket, Key="a.csv", Body=b)["VersionId"] for b in (b"1", b"2")
        ]
        url = f"s3://{bucket}/a.csv"
        assert load(repository, url) == b"2"
        first = f"{url}?versionId={ids[0]}"
        assert load(repository, first) == load(repository, first) == b"1"
        assert origin(repository, first) == {"url": url, "at": ids[0]}
        assert read == [url, first]
        client.close()
    # Others reach another server.
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="session")
def with_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has dvc beside all that this one has; it needs other releases of a few."""
    folder = tmp_path_factory.mktemp("dvc") / "venv"
    venv.create(folder, with_pip=True)
    requirement = (ROOT / "tests/peers/adapters/dvc.txt").read_text().split()[0]
    environ = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    install = [folder / "bin/python", "-m", "pip", "install", "-q", requirement]
    subprocess.run(install, check=True, env=environ, capture_output=True)
    site = next(folder.glob("lib/python*/site-packages"))
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "beside.pth").write_text("\n".join([*here, str(ROOT)]))
    return folder / "bin/python"


# Each value of `days` in turn: what a source of the branch gives, and what one of the first commit.
READS = """
import sys
from pathlib import Path
from versioning import Repository, Source
from versioning.settings import Settings
repository = Repository.open(sys.argv[1], settings=Settings(cache=Path(sys.argv[2])))
for url in sys.argv[3:]:
    version = Source(url).version(repository)
    print(version.load().read_text(), version.record.meta["source"]["at"])
"""


@pytest.mark.slow
def test_a_file_that_dvc_keeps_is_read_at_its_commit(
    tmp_path: Path, git: Git, with_dvc: Path
) -> None:
    environ = {**os.environ, "DVC_NO_ANALYTICS": "1", "HOME": str(tmp_path)}

    def run(*command: str | Path) -> str:
        found = subprocess.run(
            command, cwd=git.folder, env=environ, capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    dvc = with_dvc.with_name("dvc")
    run(dvc, "init", "-q")
    commits = []
    for day in "12":
        (git.folder / "day.csv").write_text(day)
        run(dvc, "add", "-q", "day.csv")
        commits.append(git.commit())
    assert git("show", "HEAD:.gitignore").splitlines() == ["/day.csv"]
    (git.folder / "day.csv").write_text("not committed")
    urls = [f"dvc://{git.folder}:{ref}@day.csv" for ref in ("main", commits[0], "main")]
    said = run(with_dvc, "-c", READS, tmp_path / "repository", tmp_path / "cache", *urls)
    assert said.split() == ["2", commits[1], "1", commits[0], "2", commits[1]]


def test_other_urls_are_what_they_are() -> None:
    assert pin("/data/a.csv") == ("/data/a.csv", None)
    assert pin("s3://bucket/a.csv") == ("s3://bucket/a.csv", None)
