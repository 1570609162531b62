"""Capture: what an exact rerun needs to know of the process that made a version.

The source of the project, what was installed and the machine are kept as versions of their own,
by content, and the record of every version names them. So an unchanged project is stored once, and
`verify`, retention and the sweep treat what a rerun needs like everything else that is in use.
"""

from versioning.capture.process import capture
from versioning.capture.recorded import Captured

__all__ = ["Captured", "capture"]
