from pathlib import Path

import pytest

from versioning.errors import FormatError
from versioning.settings import Settings
from versioning.storage import Store


def project(folder: Path, body: str) -> Path:
    (folder / "pyproject.toml").write_text("[tool.versioning]\n" + body)
    return folder


def test_without_file_or_variables_the_defaults_hold(tmp_path):
    settings = Settings.load({}, tmp_path)
    assert settings.repository is None
    assert (settings.lease_seconds, settings.allow_pickle) == (15.0, False)


def test_a_user_without_a_home_is_told_what_to_set(tmp_path, monkeypatch):
    """As containers run a number for a user."""

    def unknown(_):
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(FormatError, match="set HOME, or VERSIONING_CACHE"):
        Settings.load({}, tmp_path)
    settings = Settings.load({"VERSIONING_CACHE": "/cache"}, tmp_path)
    with pytest.raises(FormatError, match="set HOME, or VERSIONING_REPOSITORY"):
        settings.repository_url({})


def test_the_nearest_project_file_upward_is_read(tmp_path):
    project(tmp_path, "lease_seconds = 3\nallow_pickle = true\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    settings = Settings.load({}, below)
    assert (settings.lease_seconds, settings.allow_pickle) == (3.0, True)


def test_a_file_that_changed_is_read_again(tmp_path):
    for seconds in (3, 4):
        project(tmp_path, f"lease_seconds = {seconds}\n")
        assert Settings.load({}, tmp_path).lease_seconds == seconds
    below = tmp_path / "below"
    below.mkdir()
    assert Settings.load({}, below).lease_seconds == 4
    project(below, "lease_seconds = 5\n")
    assert Settings.load({}, below).lease_seconds == 5


def test_variables_win_over_the_file(tmp_path):
    project(tmp_path, 'repository = "s3://from/file"\nlease_seconds = 3\n')
    environ = {"VERSIONING_REPOSITORY": "s3://from/environ", "VERSIONING_ALLOW_PICKLE": "Yes"}
    settings = Settings.load(environ, tmp_path)
    assert settings.repository == "s3://from/environ"
    assert (settings.lease_seconds, settings.allow_pickle) == (3.0, True)


def test_folders_in_the_file_are_relative_to_the_file(tmp_path):
    project(tmp_path, 'repository = "store"\ncache = "cache"\n')
    settings = Settings.load({}, tmp_path)
    assert (settings.repository, settings.cache) == (str(tmp_path / "store"), tmp_path / "cache")


def test_a_url_in_the_file_is_taken_as_it_is(tmp_path):
    project(tmp_path, 'repository = "memory://x"\n')
    assert Settings.load({}, tmp_path).repository == "memory://x"


@pytest.mark.parametrize("text", ["s3:/bucket/repository", "s3:bucket", "gs:/bucket", "file:/a"])
def test_a_url_that_lacks_a_slash_is_no_folder(tmp_path, text):
    with pytest.raises(FormatError, match=r"VERSIONING_REPOSITORY.*two slashes"):
        Settings.load({"VERSIONING_REPOSITORY": text}, tmp_path)
    project(tmp_path, f'repository = "{text}"\n')
    with pytest.raises(FormatError, match=r"repository in .*two slashes"):
        Settings.load({}, tmp_path)
    with pytest.raises(FormatError, match="two slashes"):
        Store.open(text)


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("simplecache::s3://bucket/repository", "s3://bucket/repository"),
        ("blockcache::filecache::gs://bucket", "gs://bucket"),
        ("zip://x::s3://bucket/a.zip", "s3://bucket/a.zip"),
    ],
)
def test_a_chain_of_urls_is_said_to_be_one(tmp_path, text, inner):
    with pytest.raises(FormatError, match=f"VERSIONING_REPOSITORY.*chain of URLs.*{inner}"):
        Settings.load({"VERSIONING_REPOSITORY": text}, tmp_path)
    with pytest.raises(FormatError, match=f"chain of URLs.*{inner}"):
        Store.open(text)


@pytest.mark.parametrize("text", ["./s3:bucket", "/tmp/a:b", "a/b:c", "~/a", "C:", "./a::b"])
def test_a_folder_may_have_a_colon(tmp_path, text):
    assert Settings.load({"VERSIONING_REPOSITORY": text}, tmp_path).repository == text


def test_an_unknown_setting_is_named_with_those_that_exist(tmp_path):
    project(tmp_path, "lease_second = 3\n")
    with pytest.raises(FormatError, match=r"no setting lease_second; it knows .*lease_seconds"):
        Settings.load({}, tmp_path)


@pytest.mark.parametrize(
    "body", ["lease_seconds = -1", 'allow_pickle = "perhaps"', "cache = 3", "lease_seconds = true"]
)
def test_a_value_of_the_wrong_kind_is_named(tmp_path, body):
    project(tmp_path, body)
    with pytest.raises(FormatError, match=body.split()[0]):
        Settings.load({}, tmp_path)


def test_a_bad_variable_is_named(tmp_path):
    with pytest.raises(FormatError, match="VERSIONING_LEASE_SECONDS"):
        Settings.load({"VERSIONING_LEASE_SECONDS": "soon"}, tmp_path)


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool")
    with pytest.raises(FormatError, match=r"pyproject\.toml is not TOML"):
        Settings.load({}, tmp_path)


def test_the_default_repository_is_beside_the_storage_of_prefect(tmp_path):
    url = Settings().repository_url({"PREFECT_HOME": str(tmp_path)})
    assert url == str(tmp_path / "versioning")
    assert Settings(repository="memory://x").repository_url({}) == "memory://x"


def test_only_places_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.versioning]\nfiles = 'key'\nrepository = 'here'\n[tool.versioning.retention]\n",
        "utf-8",
    )
    settings = Settings.load({}, tmp_path)
    assert settings.files == "key"
    assert settings.repository == str(tmp_path / "here")


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\nversioning = 3"])
def test_what_is_no_table_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(FormatError, match="is 3: it must be a table"):
        Settings.load({}, start=tmp_path)
