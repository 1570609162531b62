"""Paths: content, names and location."""

import os
from pathlib import Path, PurePosixPath

import pytest

from versioning.encoding import file_digest, value_digest
from versioning.errors import UnkeyableError


def make_tree(root: Path) -> Path:
    (root / "sub" / "empty").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"a")
    (root / "sub" / "b.txt").write_bytes(b"b")
    return root


def test_a_changed_file_changes_the_key_even_with_the_same_size_and_time(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"1")
    before, times = value_digest(path), path.stat()
    path.write_bytes(b"2")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert value_digest(path) != before


def test_touching_a_file_changes_nothing(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"1")
    before = value_digest(path), file_digest(path)
    os.utime(path, (1, 1))
    path.chmod(0o640)
    assert (value_digest(path), file_digest(path)) == before


def test_a_path_argument_is_its_text_and_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert value_digest(tmp_path / "a") != value_digest(tmp_path / "b")
    assert file_digest(tmp_path / "a") == file_digest(tmp_path / "b")
    assert value_digest(tmp_path / "a") != value_digest(PurePosixPath(tmp_path / "a"))
    assert value_digest(tmp_path / "a") != value_digest(str(tmp_path / "a"))


@pytest.mark.parametrize("marker", ["pyproject.toml", ".git"])
def test_a_checkout_elsewhere_keys_the_same(tmp_path, marker):
    digests = set()
    for checkout in ("one", "two"):
        folder = tmp_path / checkout / "data"
        folder.mkdir(parents=True)
        (tmp_path / checkout / marker).touch()
        (folder / "a.csv").write_bytes(b"1")
        digests.add(value_digest(folder / "a.csv"))
    assert len(digests) == 1


def test_a_relative_path_in_a_project_keys_as_the_absolute_one(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a.csv").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    assert value_digest(Path("a.csv")) == value_digest(tmp_path / "a.csv")


def renamed(tree):
    (tree / "a.txt").rename(tree / "c.txt")


def rewritten(tree):
    (tree / "sub" / "b.txt").write_bytes(b"c")


def moved(tree):
    (tree / "sub" / "b.txt").rename(tree / "b.txt")


def executable(tree):
    (tree / "a.txt").chmod(0o755)


def without_empty_folder(tree):
    (tree / "sub" / "empty").rmdir()


def folder_for_file(tree):
    (tree / "a.txt").unlink()
    (tree / "a.txt").mkdir()


@pytest.mark.parametrize(
    "change", [renamed, rewritten, moved, executable, without_empty_folder, folder_for_file]
)
def test_every_change_to_a_tree_counts(tmp_path, change):
    tree = make_tree(tmp_path / "tree")
    before = file_digest(tree)
    assert file_digest(make_tree(tmp_path / "copy")) == before
    change(tree)
    assert file_digest(tree) != before


def test_links_are_what_they_lead_to(tmp_path):
    tree = make_tree(tmp_path / "tree")
    plain = file_digest(tree)
    (tree / "a.txt").rename(tmp_path / "elsewhere")
    (tree / "a.txt").symlink_to(tmp_path / "elsewhere")
    assert file_digest(tree) == plain
    (tmp_path / "elsewhere").write_bytes(b"new")
    assert file_digest(tree) != plain


def test_a_link_back_to_a_folder_above_is_refused(tmp_path):
    tree = make_tree(tmp_path / "tree")
    (tree / "sub" / "up").symlink_to(tree)
    with pytest.raises(UnkeyableError, match="folder above") as caught:
        value_digest([tree], path="trees")
    assert caught.value.path == "trees[0]/sub/up"


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(UnkeyableError, match="cannot be read"):
        value_digest({"p": tmp_path / "none"}, path="v")


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnkeyableError, match="regular file"):
        value_digest(tmp_path / "pipe")


def test_names_need_not_be_text(tmp_path):
    for number in (b"\xff", b"\xfe"):
        folder = tmp_path / f"tree{number[0]}"
        folder.mkdir()
        Path(os.fsdecode(os.fsencode(folder) + b"/" + number)).write_bytes(b"a")
    assert file_digest(tmp_path / "tree255") != file_digest(tmp_path / "tree254")
