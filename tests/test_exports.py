from __future__ import annotations

import subprocess
import sys

import pytest

import versioning


def test_exports_are_sorted_and_exist() -> None:
    assert versioning.__all__ == sorted(versioning.__all__)
    for name in versioning.__all__:
        assert getattr(versioning, name).__name__ == name


def test_every_export_is_listed_by_dir() -> None:
    assert set(versioning.__all__) <= set(dir(versioning))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'versioning' has no attribute 'verzion'"):
        _ = versioning.verzion


@pytest.mark.parametrize("heavy", ["prefect", "pandas", "numpy", "fsspec", "mlflow", "pyarrow"])
def test_importing_the_library_imports_nothing_heavy(heavy: str) -> None:
    code = f"import sys, versioning.api, versioning.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
