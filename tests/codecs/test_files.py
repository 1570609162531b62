"""`file/1` and `tree/1`."""

from __future__ import annotations

import os
import stat

import pytest

from versioning.codecs import codec_for, codec_named
from versioning.codecs.memory import MemoryParts
from versioning.encoding import file_digest
from versioning.errors import FormatError, UnkeyableError


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "model"
    (root / "a" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a" / "deep" / "ü b.csv").write_bytes(b"1,2\n")
    (root / "none").touch()
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


def test_a_file_comes_back_under_its_name(again, tmp_path):
    path = tmp_path / "day.parquet"
    path.write_bytes(b"x" * 100_000)
    loaded = again(path)
    assert loaded.name == "day.parquet"
    assert loaded.read_bytes() == path.read_bytes()
    assert file_digest(loaded) == file_digest(path)


def test_a_tree_comes_back_with_empty_folders_and_executables(again, parts, tree):
    loaded = again(tree)
    assert file_digest(loaded) == file_digest(tree)
    assert list(parts.parts) == [
        "file/a/deep/ü b.csv",
        "folder/empty",
        "file/none",
        "executable/run.sh",
    ]
    assert os.access(loaded / "run.sh", os.X_OK)
    assert (loaded / "empty").is_dir()


def test_an_empty_tree_comes_back_empty(again, tmp_path):
    (tmp_path / "empty").mkdir()
    loaded = again(tmp_path / "empty")
    assert loaded.is_dir()
    assert list(loaded.iterdir()) == []


def test_loaded_files_are_read_only_copies(again, parts, tree):
    loaded = again(tree)
    file = loaded / "a" / "deep" / "ü b.csv"
    assert not file.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    assert file.stat().st_nlink == 1
    file.chmod(0o644)
    file.write_bytes(b"changed")
    assert parts.read("file/a/deep/ü b.csv") == b"1,2\n"
    assert file_digest(codec_named("tree/1").read(parts)) == file_digest(tree)


def test_links_inside_a_tree_are_stored_as_what_they_point_to(again, tree):
    (tree / "link").symlink_to(tree / "a" / "deep" / "ü b.csv")
    (tree / "folder").symlink_to(tree / "a", target_is_directory=True)
    loaded = again(tree)
    assert not (loaded / "link").is_symlink()
    assert file_digest(loaded) == file_digest(tree)


@pytest.mark.parametrize(
    ("target", "message"), [("/etc/hostname", "outside the tree"), (".", "above it")]
)
def test_a_link_that_leaves_the_tree_or_loops_is_refused(tree, target, message):
    (tree / "a" / "link").symlink_to(target)
    with pytest.raises(UnkeyableError, match=message):
        codec_for(tree).write(tree, MemoryParts())


def test_a_link_to_nothing_is_refused(tree):
    (tree / "link").symlink_to(tree / "absent")
    with pytest.raises(UnkeyableError, match="does not exist"):
        codec_for(tree).write(tree, MemoryParts())


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnkeyableError, match="does not exist"):
        codec_for(tmp_path / "absent").write(tmp_path / "absent", MemoryParts())


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnkeyableError, match="neither file nor folder"):
        codec_for(tmp_path / "pipe").write(tmp_path / "pipe", MemoryParts())


def test_a_path_inside_a_value_is_refused_with_advice(tmp_path):
    with pytest.raises(UnkeyableError, match=r"value\['report'\].*return it alone"):
        codec_for({}).write({"report": tmp_path}, MemoryParts())


@pytest.mark.parametrize(
    "names",
    [
        ["file/../x"],
        ["file//etc/x"],
        ["file/a/../../x"],
        ["file/a\\b"],
        ["file/"],
        ["file"],
        ["data"],
        ["link/a"],
        ["file/a", "file/a/b"],
        ["file/a/b", "file/a"],
        ["file/a", "executable/a"],
        ["file/a", "folder/a"],
        ["folder/../x"],
    ],
    ids=" ".join,
)
def test_parts_that_would_lie_elsewhere_are_refused(names):
    parts = MemoryParts(dict.fromkeys(names, b""))
    with pytest.raises(FormatError):
        codec_named("tree/1").read(parts)


@pytest.mark.parametrize("names", [[], ["file/a", "file/b"], ["file/a/b"], ["file/.."], ["x"]])
def test_what_is_not_one_file_is_refused(names):
    with pytest.raises(FormatError):
        codec_named("file/1").read(MemoryParts(dict.fromkeys(names, b"")))
