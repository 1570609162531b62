"""Policies as people write them, and what they get wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from versioning.errors import FormatError
from versioning.retention import Policy

GOOD = """
min_age = "12h"
max_bytes = "1.5 TB"
[[rules]]
step = "train*"
keep_last = 5
"""


def write(folder: Path, text: str, name: str = "retention.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_policy_is_read_as_it_is_written(tmp_path: Path) -> None:
    policy = Policy.read(write(tmp_path, GOOD))
    assert policy.min_age == timedelta(hours=12)
    assert policy.max_bytes == 1_500_000_000_000
    assert (policy.rules[0].step, policy.rules[0].keep_last) == ("train*", 5)
    assert policy.trash == timedelta(days=7)


def test_a_project_can_hold_its_policy(tmp_path: Path) -> None:
    text = "[tool.versioning.retention]\nmin_age = '2d'\n"
    assert Policy.read(write(tmp_path, text, "pyproject.toml")).min_age == timedelta(days=2)
    empty = write(tmp_path, "[project]\nname = 'x'\n", "pyproject.toml")
    assert Policy.read(empty) == Policy()
    with pytest.raises(FormatError, match="the policy: Input should be a valid dictionary"):
        Policy.read(write(tmp_path, "[tool]\nversioning = 3\n", "pyproject.toml"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("min_age = -1", "min_age: write a span"),
        ("min_age = '-3d'", "min_age: write a span"),
        ("min_age = 'soon'", "min_age: write a span as '12h'"),
        ("min_age = '-P1D'", "min_age: write a span"),
        ("min_age = 'P1'", "min_age: write a span"),
        ("min_age = 'P9999999999Y'", "min_age: write a span"),
        ("min_age = '9999999999999999y'", "min_age: the span is longer"),
        ("max_bytes = 'lots'", "max_bytes: write a size as"),
        ("max_bytes = -5", "max_bytes: Input should be greater"),
        (f"max_bytes = '{'9' * 400} B'", "max_bytes: the size is more than any store holds"),
        (f"max_bytes = {'9' * 30}", "max_bytes: Input should be less"),
        (f"[[rules]]\nkeep_last = {'9' * 30}", "rules.1.keep_last: Input should be less"),
        ("[[rules]]\nkeep_last = true", "rules.1.keep_last: write a whole number"),
        ("price_per_gb_month = inf", "price_per_gb_month: Input should be a finite number"),
        ("keep_forever = true", "keep_forever: there is no such field"),
        ("keep_forever = true", "Known fields: rules, min_age, trash"),
        ("[[rules]]\nkeep_last = -1", "rules.1.keep_last"),
        ("[[rules]]\nstep = 'a'\n[[rules]]\nkeep_last = 1", "rules.1: it keeps nothing"),
        ("[[rules]]\nkeep_lst = 3\nkeep_last = 1", "rules.1.keep_lst: there is no"),
        ("[[rules]]\nmax_bytes = '1 GB'\nkeep_all = true", "keep_all contradicts a budget"),
        ("[[rules]]\nkeep_all = true\nkeep_last = 1", "keep_all contradicts keep_last"),
        ("[[rules]]\nkeep_last = 1\n[[rules]]\nkeep_last = 2", "rule 2 never counts, as rule 1"),
        (
            "[[rules]]\ntag = 'x'\nkeep_last = 1\n[[rules]]\ntag = 'x'\nstep='a'\nkeep_last = 2",
            "rule 2 never counts",
        ),
        (
            "[[rules]]\nstep = 'train*'\nkeep_last = 2\n[[rules]]\nstep='train'\nkeep_last = 9",
            "rule 2 never counts, as rule 1",
        ),
        (
            "[[rules]]\nflow = 'n*'\nkeep_last = 2\n[[rules]]\nflow='nightly'\nkeep_last = 9",
            "rule 2 never counts, as rule 1",
        ),
        ("[[rules]]\nstep = ''\nkeep_last = 1", "rules.1.step: it is empty"),
        ("[[rules]]\nkeep_tagged = ['']", "rules.1.keep_tagged.1: it is empty"),
        (
            "[[rules]]\nkeep_tagged = 'release'",
            "rules.1.keep_tagged: write a list",
        ),
        ("[[rules]]\nmax_money = -1", "rules.1.max_money: Input should be greater"),
        ("max_money = nan", "max_money: Input should be a finite number"),
        ("keep_named = 'never'", "keep_named: Input should be 'now' or 'ever'"),
        ("trash = '-1d'", "trash: write a span"),
        (
            "storage_classes = [{name = 'x', after = '1d'}]",
            "storage_classes.1.price_per_gb_month: Field required",
        ),
        (
            (
                "[[storage_classes]]\nname = 'x'\nafter = '1d'\nprice_per_gb_month = 0\n"
                "[[storage_classes]]\nname = 'y'\nafter = '24h'\nprice_per_gb_month = 1"
            ),
            "two storage_classes begin at one age",
        ),
        ("rules = 3", "rules: write a list"),
        ("keep_lineage = 'some'", "keep_lineage: Input should be 'inputs'"),
        ("=", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_field(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(FormatError) as caught:
        Policy.read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("first", "then"), [("train", "train*"), ("a?", "a*"), ("t[ab]", "t*")])
def test_a_rule_about_more_than_an_earlier_one_counts(first: str, then: str) -> None:
    rules = [{"step": first, "keep_last": 2}, {"step": then, "keep_last": 9}]
    assert len(Policy.of({"rules": rules}, "x").rules) == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"nowhere\.toml cannot be read"):
        Policy.read(tmp_path / "nowhere.toml")


def test_a_schema_describes_every_field() -> None:
    schema = Policy.model_json_schema()
    assert schema["properties"].keys() == Policy.model_fields.keys()
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("typed", "written"),
    [("7d", "P7D"), ("36h", "P1DT12H"), ("90s", "PT1M30S"), ("0s", "PT0S"), ("1.5s", "PT1.5S"),
     ("1y", "P1Y"), ("0.000001s", "PT0.000001S"), ("8w", "P56D"), ("2000000y", "P2000000Y")],
)  # fmt: skip
def test_spans_are_written_as_the_schema_says_and_read_back(typed: str, written: str) -> None:
    policy = Policy.of({"trash": typed, "rules": [{"keep_last": 1, "keep_within": typed}]}, "x")
    dumped = policy.model_dump(mode="json")
    assert (dumped["trash"], dumped["rules"][0]["keep_within"]) == (written, written)
    assert Policy.of(dumped, "x") == policy


def test_spans_of_earlier_plans_are_read() -> None:
    assert Policy.of({"trash": "604800.000000s"}, "x").trash == timedelta(days=7)


def test_what_the_schema_gives_for_a_span_is_taken() -> None:
    fields = Policy.model_json_schema()["properties"]
    given = {name: fields[name]["default"] for name in ("min_age", "trash")}
    assert Policy.of(given, "x") == Policy()


def test_a_plan_keeps_the_policy_as_it_was_written(tmp_path: Path) -> None:
    text = (
        "max_money = 3.5\nkeep_named = 'ever'\n[[rules]]\ntag = 'release*'\nkeep_tagged = ['v*']\n"
        "[[storage_classes]]\nname = 'archive'\nafter = '90d'\nprice_per_gb_month = 0.004\n"
    )
    policy = Policy.read(write(tmp_path, text))
    assert Policy.of(policy.model_dump(mode="json"), "plan") == policy
    assert policy.price_at(timedelta(days=90) - timedelta(seconds=1)) == 0.023
    assert policy.price_at(timedelta(days=90)) == 0.004
