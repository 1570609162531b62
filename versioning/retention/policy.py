"""Policies: what is kept, as people write it in TOML.

    min_age = "1d"
    keep_lineage = "sources"

    [[rules]]
    step = "train*"
    keep_last = 5
    keep_weekly = 8

A version follows the first rule that is about it, and is kept when there is none. What any part of
its rule keeps is kept. Spans are half-open: at an age of exactly `min_age` or `keep_within`, a
version is protected no more.
"""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from versioning.errors import FormatError
from versioning.settings import table_in

if TYPE_CHECKING:
    from pathlib import Path

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdwy])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
# What JSON, as plans are written, can hold.
_MOST = 2**63 - 1


def _span(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not (found := _SPAN.fullmatch(value.strip())):
        raise ValueError("write a span as '12h', '30d', '8w' or '1y'")
    try:
        return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
    except OverflowError:
        raise ValueError("the span is longer than two million years") from None


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not (found := _SIZE.fullmatch(value.strip())):
        raise ValueError("write a size as 500000, '750 MB' or '2 TB'")
    try:
        return int(float(found[1]) * _BYTES[found[2].lower()])
    except OverflowError:
        raise ValueError("the size is more than any store holds") from None


def _written(span: timedelta) -> str:
    return f"{span.total_seconds():f}s"


Span = Annotated[
    timedelta,
    BeforeValidator(_span, json_schema_input_type=str),
    PlainSerializer(_written, when_used="json"),
]
Size = Annotated[
    int, BeforeValidator(_size, json_schema_input_type=int | str), Field(ge=0, le=_MOST)
]
# Strict: `true` is no number of versions.
Count = Annotated[int, Field(ge=0, le=_MOST, strict=True)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """What is kept of the versions that a rule is about.

    Attributes:
        step: Pattern of steps, such as `train*`; the parts of a tuple follow their step.
        flow: Pattern of flows; versions made outside of flows have the empty name.
        keep_last: The newest of each step.
        keep_within: All younger than this.
        keep_hourly: The newest of each of so many hours, in UTC, that have any; of each step.
        keep_daily: The same by days.
        keep_weekly: The same by weeks, from Monday.
        keep_monthly: The same by months.
        keep_yearly: The same by years.
        keep_all: Everything.
        only_rebuildable: Expire only what can be computed again.
    """

    step: str = "*"
    flow: str = "*"
    keep_last: Count = 0
    keep_within: Span = timedelta(0)
    keep_hourly: Count = 0
    keep_daily: Count = 0
    keep_weekly: Count = 0
    keep_monthly: Count = 0
    keep_yearly: Count = 0
    keep_all: bool = False
    only_rebuildable: bool = True

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        kept = self.model_dump(exclude={"step", "flow", "only_rebuildable"})
        if not any(kept.values()):
            raise ValueError(
                "it keeps nothing: say what it keeps, such as keep_last = 5 or keep_all = true"
            )
        return self

    def is_about(self, step: str, flow: str | None) -> bool:
        """Whether versions of `step`, made in `flow`, follow this rule."""
        names = (step, step.partition("[")[0])
        is_step = any(fnmatchcase(name, self.step) for name in names)
        return is_step and fnmatchcase(flow or "", self.flow)


class Policy(_Strict):
    """What is kept, and for how long the rest can be brought back.

    Attributes:
        rules: The first that is about a version counts.
        min_age: Everything younger is kept.
        trash: How long expired versions keep their bytes.
        keep_lineage: Of what is kept, also what it was made from: all of it (`inputs`), what was
            made from nothing (`sources`), or nothing (`none`) that can be computed again.
        max_bytes: Drop more, what is cheapest to make again first, until no more than this is held.
        price_per_gb_month: What a gigabyte costs for a month, for the plan; in any currency.
    """

    rules: tuple[Rule, ...] = ()
    min_age: Span = timedelta(days=1)
    trash: Span = timedelta(days=7)
    keep_lineage: Literal["inputs", "sources", "none"] = "sources"
    max_bytes: Size | None = None
    price_per_gb_month: Price = 0.023

    @classmethod
    def default(cls) -> Self:
        """A careful one: ten of each step, all of a month, and one a week for a quarter."""
        rule = Rule(keep_last=10, keep_within=timedelta(days=30), keep_weekly=13)
        return cls(rules=(rule,), keep_lineage="inputs")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The policy in a TOML file, or below `tool.versioning.retention` in a `pyproject.toml`.

        Raises:
            FormatError: If the file, or what it says, is none; it names each field.
        """
        try:
            document: Any = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise FormatError(f"{path} cannot be read as TOML: {error}", path=str(path)) from error
        if path.name == "pyproject.toml":
            document = table_in(document, "tool", "versioning", "retention")
        return cls.of(document, str(path))

    @classmethod
    def of(cls, document: object, name: str) -> Self:
        """The policy that a parsed document says; `name` is where it was, for errors.

        Raises:
            FormatError: If it says none.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            said = "; ".join(_said(dict(item)) for item in errors)
            if any(item["type"] == "extra_forbidden" for item in errors):
                known = [*cls.model_fields, *(f"rules.{x}" for x in Rule.model_fields)]
                said += f". Known fields: {', '.join(known)}"
            raise FormatError(f"{name}: {said}", path=name) from error


def _said(error: dict[str, Any]) -> str:
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in error["loc"])
    return f"{place or 'the policy'}: {error['msg'].removeprefix('Value error, ')}"
