"""Imports in bodies: whether somebody has loaded the module already does not show in the key."""

import subprocess
import sys
from pathlib import Path

BODIES = """
def attribute():
    import colorsys
    return colorsys.rgb_to_hsv(1, 0, 0)

def member():
    from colorsys import rgb_to_hsv
    return rgb_to_hsv(1, 0, 0)

def nested():
    import xml.dom.minidom
    return xml.dom.minidom.parseString("<a/>")

def alias():
    from xml.dom import minidom as reader
    return reader.parseString("<a/>")
"""
PRINT_KEYS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    __import__(name)
import bodies
from versioning.code import code_leaves
from versioning.keys import root_key
functions = (bodies.attribute, bodies.member, bodies.nested, bodies.alias)
print([root_key(code_leaves(function).leaves) for function in functions])
"""


def test_a_module_that_is_loaded_already_keys_as_one_that_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "bodies.py").write_text(BODIES)
    (tmp_path / "pyproject.toml").write_text("")

    def keys(*loaded: str) -> str:
        command = [sys.executable, "-c", PRINT_KEYS, str(tmp_path), *loaded]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert keys() == keys("colorsys", "xml.dom.minidom")
