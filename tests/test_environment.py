import subprocess
import sys

import orjson
import pytest

from versioning.environment import environment_leaves, environment_record
from versioning.errors import FormatError

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def shown(leaves):
    return {leaf.name: leaf.value for leaf in leaves}


def test_python_and_every_distribution_used_are_leaves():
    assert shown(environment_leaves({"pandas": "3.0"})) == {
        "env/pandas": "3.0",
        "env/python": PYTHON,
    }


def test_another_version_is_another_digest():
    old, new = environment_leaves({"a": "1"}), environment_leaves({"a": "2"})
    assert old[0].digest != new[0].digest
    assert old[1] == new[1]


def test_only_what_is_asked_for_is_keyed():
    assert shown(environment_leaves({"pandas": "3.0", "numpy": "2.0"}, keyed=["numpy"])) == {
        "env/numpy": "2.0"
    }
    assert environment_leaves({"pandas": "3.0"}, keyed=[]) == ()


def test_a_distribution_that_the_code_does_not_use_can_be_keyed():
    (leaf,) = environment_leaves({}, keyed=["blake3"])
    assert leaf.name == "env/blake3"
    assert leaf.value


def test_a_name_that_is_not_installed_is_refused():
    with pytest.raises(FormatError, match="no-such-distribution"):
        environment_leaves({}, keyed=["no-such-distribution"])


def test_the_record_is_json_and_names_the_machine():
    record = environment_record()
    assert orjson.loads(orjson.dumps(record)) == record
    assert record["python"].startswith(PYTHON)
    assert record["processors"] >= 1


def test_the_record_says_which_commit_and_whether_files_differ(tmp_path, monkeypatch):
    def git(*command):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "trunk")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    (tmp_path / "file").write_text("two")
    monkeypatch.chdir(tmp_path)
    found = environment_record()["git"]
    assert (found["branch"], found["dirty"], len(found["commit"])) == ("trunk", True, 40)


@pytest.mark.parametrize(
    ("remote", "told"),
    [
        ("https://ann:s3cret@host.example/a/b.git?token=t", "https://host.example/a/b.git"),
        ("git@host.example:a/b.git", "ssh://host.example/a/b.git"),
        ("ssh://git@host.example:2222/a/b.git", "ssh://host.example:2222/a/b.git"),
        ("/srv/git/b.git", "/srv/git/b.git"),
        ("host/with:colon", "host/with:colon"),
    ],
)
def test_the_record_says_where_the_commit_is_without_user_or_password(
    tmp_path, monkeypatch, remote, told
):
    for command in (["init"], ["remote", "add", "origin", remote]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    assert environment_record()["git"]["remote"] == told


def test_outside_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert environment_record()["git"] is None
