"""Bytes and seconds as people read them."""

from __future__ import annotations


def size(size_bytes: float) -> str:
    """Bytes for people: `812 B`, `3.4 MB`."""
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size_bytes < 1000:
            break
        size_bytes, unit = size_bytes / 1000, larger
    return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds for people: `40 ms`, `1.5 s`, `2 min 5 s`, `3 h 12 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
