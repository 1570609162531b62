"""Policies: what is kept, as people write it in TOML.

    min_age = "1d"
    keep_lineage = "sources"

    [[rules]]
    step = "train*"
    keep_last = 5
    keep_weekly = 8

Spans are also read as ISO 8601 has them (`P1D`), which is how plans and the schema write them.

A version follows the first rule that is about it, and is kept when there is none. What any part of
its rule keeps is kept. Spans are half-open: at an age of exactly `min_age` or `keep_within`, a
version is protected no more; at an age of exactly `trash`, its bytes may go; at exactly `after`, it
has the price of a storage class. A budget of exactly what is held is not exceeded.
"""

from __future__ import annotations

import tomllib
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from versioning.errors import FormatError
from versioning.retention.quantities import A_SPAN, Count, Price, Size, Span
from versioning.settings import find_project, table_in

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from versioning.retention.candidates import Candidate

# What pydantic says in words of Python.
_TOLD = {
    "extra_forbidden": "there is no such field",
    "tuple_type": "write a list",
    "int_type": "write a whole number",
    "string_too_short": "it is empty",
    "time_delta_parsing": A_SPAN,
}
Pattern = Annotated[str, Field(min_length=1)]
EVER = "ever"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """What is kept of the versions that a rule is about.

    Attributes:
        step: Pattern of steps, such as `train*`; the parts of a tuple follow their step.
        flow: Pattern of flows; versions made outside of flows have the empty name.
        tag: Pattern of tags, one of which a run that made or used the version has.
        name: Pattern of names, as `delays` or `delays@champion`, one of which names it or did.
        keep_last: The newest of each step.
        keep_within: All younger than this.
        keep_hourly: The newest of each of so many hours, in UTC, that have any; of each step.
        keep_daily: The same by days.
        keep_weekly: The same by weeks, from Monday.
        keep_monthly: The same by months.
        keep_yearly: The same by years.
        keep_tagged: All with a tag that one of these patterns is about.
        keep_all: Everything.
        max_bytes: Of what the rule keeps, drop what is worth least, until no more than this is
            held. A rule that says nothing but a budget keeps all that is within it.
        max_money: The same for money a month.
        only_rebuildable: Expire only what can be computed again.
    """

    step: Pattern = "*"
    flow: str = "*"
    tag: Pattern = "*"
    name: Pattern = "*"
    keep_last: Count = 0
    keep_within: Span = timedelta(0)
    keep_hourly: Count = 0
    keep_daily: Count = 0
    keep_weekly: Count = 0
    keep_monthly: Count = 0
    keep_yearly: Count = 0
    keep_tagged: tuple[Pattern, ...] = ()
    keep_all: bool = False
    max_bytes: Size | None = None
    max_money: Price | None = None
    only_rebuildable: bool = True

    @property
    def keeps(self) -> list[str]:
        """The fields by which it keeps something."""
        said = {name: value for name, value in self if name.startswith("keep_")}
        return [name for name, value in said.items() if value]

    @property
    def has_budget(self) -> bool:
        """Whether it limits what is held of it."""
        return (self.max_bytes, self.max_money) != (None, None)

    @property
    def selects(self) -> dict[str, str]:
        """What it is about, where that is not everything."""
        patterns = {name: getattr(self, name) for name in ("step", "flow", "tag", "name")}
        return {name: pattern for name, pattern in patterns.items() if pattern != "*"}

    def covers(self, other: Rule) -> bool:
        """Whether whatever `other` is about is what this one is about, as far as can be told."""
        theirs = other.selects
        return all(
            name in theirs and (pattern == theirs[name] or _holds(pattern, theirs[name]))
            for name, pattern in self.selects.items()
        )

    @property
    def told(self) -> str:
        """What it is about, for people."""
        selects = self.selects or {"step": self.step}
        return ", ".join(f"{name} {pattern!r}" for name, pattern in selects.items())

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.keeps and not self.has_budget:
            raise ValueError(
                "it keeps nothing: say what it keeps, such as keep_last = 5 or keep_all = true"
            )
        others = [name for name in self.keeps if name != "keep_all"]
        others += ["a budget"] if self.has_budget else []
        if self.keep_all and others:
            raise ValueError(f"keep_all contradicts {', '.join(others)}: leave one of them out")
        return self

    def is_about(self, item: Candidate) -> bool:
        """Whether a version follows this rule."""
        steps = (item.step, item.step.partition("[")[0])
        names = [*item.names, *(name.partition("@")[0] for name in item.names)]
        return (
            _is_any(steps, self.step)
            and fnmatchcase(item.flow or "", self.flow)
            and (self.tag == "*" or _is_any(item.tags, self.tag))
            and (self.name == "*" or _is_any(names, self.name))
        )


class StorageClass(_Strict):
    """Where a bucket's own rules move what is old.

    Attributes:
        name: For people.
        after: The age from which on blobs are there.
        price_per_gb_month: What a gigabyte costs there for a month.
    """

    name: Pattern
    after: Span
    price_per_gb_month: Price


class Policy(_Strict):
    """What is kept, and for how long the rest can be brought back.

    Attributes:
        rules: The first that is about a version counts.
        min_age: Everything younger is kept.
        trash: How long expired versions keep their bytes.
        keep_lineage: Of what is kept, also what it was made from: all of it (`inputs`), what was
            made from nothing (`sources`), or nothing (`none`) that can be computed again.
        keep_named: What names name now always stays; with `ever`, what they once named does, too.
        max_bytes: Drop more until no more than this is held; first what saves most for what making
            it again costs, see `budget.py`.
        max_money: The same for money a month.
        price_per_gb_month: What a gigabyte costs for a month; in any currency.
        price_per_compute_hour: What an hour of computing costs.
        storage_classes: Cheaper places for older blobs; of several, that of the highest age counts.
    """

    rules: tuple[Rule, ...] = ()
    min_age: Span = timedelta(days=1)
    trash: Span = timedelta(days=7)
    keep_lineage: Literal["inputs", "sources", "none"] = "sources"
    keep_named: Literal["now", "ever"] = "now"
    max_bytes: Size | None = None
    max_money: Price | None = None
    price_per_gb_month: Price = 0.023
    price_per_compute_hour: Price = 0.05
    storage_classes: tuple[StorageClass, ...] = ()

    @model_validator(mode="after")
    def _contradicts_nothing(self) -> Self:
        for number, rule in enumerate(self.rules, 1):
            for earlier, other in enumerate(self.rules[: number - 1], 1):
                if other.covers(rule):
                    raise ValueError(
                        f"rule {number} never counts, as rule {earlier} comes before it and is "
                        "about all of the same: put it first, or leave it out"
                    )
        if len({item.after for item in self.storage_classes}) < len(self.storage_classes):
            raise ValueError("two storage_classes begin at one age: leave one of them out")
        return self

    @property
    def has_budget(self) -> bool:
        """Whether it, or a rule of it, limits what is held."""
        limits = (self.max_bytes, self.max_money)
        return limits != (None, None) or any(rule.has_budget for rule in self.rules)

    @property
    def asks_tags(self) -> bool:
        """Whether it matters how runs were tagged."""
        return any(rule.tag != "*" or rule.keep_tagged for rule in self.rules)

    @property
    def asks_names(self) -> bool:
        """Whether it matters what a version was ever named."""
        return self.keep_named == EVER or any(rule.name != "*" for rule in self.rules)

    def number_of(self, item: Candidate) -> int:
        """The number of the rule that a version follows, from 1; 0 when it follows none."""
        return next((n for n, rule in enumerate(self.rules, 1) if rule.is_about(item)), 0)

    def price_at(self, age: timedelta) -> float:
        """What a gigabyte of an age costs for a month."""
        reached = [item for item in self.storage_classes if item.after <= age]
        last = max(reached, key=lambda item: item.after, default=self)
        return last.price_per_gb_month

    def compute_money(self, seconds: float) -> float:
        """What computing for so long costs."""
        return seconds / 3600 * self.price_per_compute_hour

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
        except OSError as error:
            reason = f"{path} cannot be read ({error.strerror}): correct the path"
            raise FormatError(reason, path=str(path)) from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise FormatError(f"{path} is no TOML ({error}): correct it", path=str(path)) from error
        if path.name == "pyproject.toml":
            said = table_in(document, "tool", "versioning")
            # A table that is empty is a policy, and expires nothing; none at all is no policy.
            is_empty = isinstance(said, dict) and said.get("retention") == {}
            document = {"rules": []} if is_empty else table_in(said, "retention")
        return cls.of(document, str(path))

    @classmethod
    def of_project(cls, folder: Path) -> Self:
        """The policy of the nearest `pyproject.toml` from `folder` upward; without, the default.

        Raises:
            FormatError: As `read`.
        """
        found = find_project(folder)
        chosen = cls.read(found) if found else cls()
        return chosen if chosen.model_fields_set else cls.default()

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


def _holds(pattern: str, other: str) -> bool:
    """Whether a pattern is about the only text that the other one, a plain text, is about."""
    return not set("*?[") & set(other) and fnmatchcase(other, pattern)


def _is_any(texts: Iterable[str], pattern: str) -> bool:
    return any(fnmatchcase(text, pattern) for text in texts)


def _said(error: dict[str, Any]) -> str:
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in error["loc"])
    said = _TOLD.get(error["type"], error["msg"].removeprefix("Value error, "))
    return f"{place or 'the policy'}: {said}"
