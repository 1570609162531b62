"""Installed code: by name and version, by RECORD where it came from a URL, by content where not."""

import importlib.util
import json
import os
import subprocess
import sys
from importlib import machinery
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
PRINT = """
import json, site, sys
site.addsitedir(sys.argv[1])
import steps
from versioning.code import code_leaves
closure = code_leaves(steps.step)
leaves = {leaf.name: leaf.digest for leaf in closure.leaves}
print(json.dumps([leaves, dict(closure.distributions)]))
"""
STEP = "import thing\n\ndef step(x):\n    return thing.f(x)\n"
MODULE = "def f(x):\n    return x + 1\n\ndef other(x):\n    return x - 1\n"


class Site:
    """A folder of installed packages, and a step that uses one."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "lib" / "site-packages"
        self.site.mkdir(parents=True)
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "steps.py").write_text(STEP)

    def install(
        self, version: str, *, record: str = "thing.py,sha256=a,1\n", **url: object
    ) -> None:
        info = self.site / "thing_lib-1.dist-info"
        info.mkdir(exist_ok=True)
        text = f"Metadata-Version: 2.1\nName: Thing-Lib\nVersion: {version}\n"
        (info / "METADATA").write_text(text)
        (info / "RECORD").write_text(record)
        if url:
            (info / "direct_url.json").write_text(json.dumps(url))

    def close(self) -> tuple[dict[str, str], dict[str, str]]:
        environ = {
            **os.environ,
            "PYTHONPATH": f"{self.code}:{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [sys.executable, "-c", PRINT, str(self.site)],
            capture_output=True,
            text=True,
            env=environ,
            check=True,
        )
        leaves, distributions = json.loads(done.stdout)
        return leaves, distributions


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_a_release_is_its_version(site):
    (site.site / "thing.py").write_text(MODULE)
    site.install("1.0")
    leaves, distributions = site.close()
    assert (set(leaves), distributions) == ({"code/steps:step"}, {"thing-lib": "1.0"})
    site.install("1.1")
    assert site.close() == (leaves, {"thing-lib": "1.1"})


def test_what_was_installed_from_a_url_is_its_version_and_its_record(site):
    (site.site / "thing.py").write_text(MODULE)
    site.install("1.0", url="https://example.org/thing.zip", archive_info={})
    first = site.close()
    assert first[1]["thing-lib"].startswith("1.0+record.")
    assert site.close() == first
    site.install("1.0", url="https://example.org/thing.zip", record="thing.py,sha256=b,1\n")
    assert site.close()[1] != first[1]


def test_where_and_how_it_was_installed_does_not_show(site):
    (site.site / "thing.py").write_text(MODULE)
    site.install("1.0", url="file:///home/a/thing.whl", archive_info={})
    lines = ["thing_lib-1.dist-info/direct_url.json,sha256=b,2", "../../../bin/thing,sha256=c,3"]
    first = site.close()
    lines += ["__pycache__/thing.cpython-311.pyc,,", "thing.py,sha256=a,1"]
    site.install("1.0", url="file:///home/b/thing.whl", record="\n".join(lines))
    assert site.close() == first


def test_a_module_that_no_distribution_has_is_its_content(site):
    (site.site / "thing").mkdir()
    (site.site / "thing" / "__init__.py").write_text("from .inner import f\n")
    inner = site.site / "thing" / "inner.py"
    inner.write_text(MODULE)
    before = site.close()
    assert before[1]["thing"].startswith("content.")
    assert site.close() == before
    inner.write_text(MODULE.replace("+ 1", "+ 2"))
    assert site.close()[1] != before[1]


def test_a_distribution_that_lists_no_files_is_found_by_the_names_it_gives(site):
    (site.site / "thing.py").write_text(MODULE)
    info = site.site / "Thing_Lib-1.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: Thing-Lib\nVersion: 3.0\n")
    (info / "top_level.txt").write_text("thing\n")
    assert site.close()[1] == {"thing-lib": "3.0"}


def test_an_editable_install_is_followed_into_its_files(site, tmp_path):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "thing.py").write_text(MODULE)
    (site.site / "thing.pth").write_text(f"{checkout}\n")
    site.install(
        "1.0",
        url=f"file://{checkout}",
        dir_info={"editable": True},
        record="thing.pth,sha256=a,1\n",
    )
    before, distributions = site.close()
    assert set(before) == {"code/steps:step", "code/thing:f"}
    (checkout / "thing.py").write_text(MODULE.replace("- 1", "- 2"))
    assert site.close() == (before, distributions)
    (checkout / "thing.py").write_text(MODULE.replace("+ 1", "+ 2"))
    after, _ = site.close()
    assert {name for name in after if after[name] != before[name]} == {"code/thing:f"}


def test_the_record_of_a_package_of_several_modules_is_found_by_any_of_them(site):
    folder = site.site / "thing"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .inner import f\n")
    (folder / "inner.py").write_text(MODULE)
    site.install("2.0", record="thing/__init__.py,,\nthing/inner.py,,\n")
    assert site.close()[1] == {"thing-lib": "2.0"}


@pytest.mark.parametrize("mode", ["installed", "ours"])
def test_an_extension_is_its_distribution_or_its_bytes(site, mode):
    suffix = machinery.EXTENSION_SUFFIXES[0]
    found = importlib.util.find_spec("_heapq")
    if found is None or not found.has_location:
        pytest.skip("this Python has no extension in a file of its own")
    built = Path(found.origin)
    folder = site.site if mode == "installed" else site.code
    extension = folder / "thing" / f"_heapq{suffix}"
    extension.parent.mkdir()
    (folder / "thing" / "__init__.py").write_text("")
    extension.write_bytes(built.read_bytes())
    site.install("1.0", record=f"thing/__init__.py,,\nthing/{extension.name},,\n")
    (site.code / "steps.py").write_text(
        dedent(
            """
            from thing import _heapq

            def step(x):
                return _heapq.heappop(x)
            """
        )
    )
    before = site.close()
    # Bytes at the end of a library change nothing that it does.
    extension.write_bytes(built.read_bytes() + b"\\0")
    after = site.close()
    if mode == "installed":
        assert before == after == (after[0], {"thing-lib": "1.0"})
    else:
        assert {name for name in after[0] if after[0][name] != before[0][name]} == {
            "code/thing._heapq"
        }
