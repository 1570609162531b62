import pandas as pd
import pandera.pandas as pa
import pytest

from flows.quality import BadDataError, Tolerance, judge, summarise
from versioning.encoding import value_digest
from versioning.errors import FormatError
from versioning.integrations.pandera import failure_cases

SCHEMA = pa.DataFrameSchema(
    {
        "hour": pa.Column("int64", pa.Check.in_range(0, 23)),
        "carrier": pa.Column(str),
        "delay": pa.Column("float64", pa.Check(lambda s: s < 1000, name="sane"), nullable=True),
    },
    checks=pa.Check(lambda rows: rows["hour"] != 13, name="not_at_one", ignore_na=False),
)
GOOD = pd.DataFrame(
    {
        "hour": [5, 6, 7, 8],
        "carrier": ["AA", "UA", "AA", "B6"],
        "delay": [1.0, None, 3.0, -4.0],
    }
)


def bad(**columns: list[object]) -> pd.DataFrame:
    return GOOD.assign(**columns)


def test_good_rows_have_no_failure_cases() -> None:
    cases = failure_cases(SCHEMA, GOOD)
    assert cases.empty
    assert list(cases.dtypes.astype(str)) == ["Int64", "str", "str", "str"]


def test_failure_cases_name_rows_columns_checks_and_values() -> None:
    cases = failure_cases(SCHEMA, bad(hour=[5, 99, 7, 8], carrier=["AA", "UA", None, "B6"]))
    assert cases.to_dict("records") == [
        {"row": 1, "column": "hour", "check": "in_range(0, 23)", "value": "99"},
        {"row": 2, "column": "carrier", "check": "not_nullable", "value": ""},
    ]


def test_a_check_of_whole_rows_is_reported_once_a_row() -> None:
    cases = failure_cases(SCHEMA, bad(hour=[13, 6, 7, 13]))
    assert cases["row"].tolist() == [0, 3]
    assert set(cases["column"]) == {""}


def test_rows_are_named_by_position_whatever_the_index() -> None:
    table = bad(hour=[5, 6, 99, 8]).set_index(pd.Index([40, 30, 20, 10]))
    assert failure_cases(SCHEMA, table)["row"].tolist() == [2]


def test_a_missing_column_concerns_no_row() -> None:
    cases = failure_cases(SCHEMA, GOOD.drop(columns="carrier"))
    assert cases["row"].isna().all()
    assert cases["check"].tolist() == ["column_in_dataframe"]


def test_refuse_refuses_a_single_bad_row_and_names_it() -> None:
    cases = failure_cases(SCHEMA, bad(hour=[5, 99, 7, 8]))
    with pytest.raises(BadDataError, match=r"week 3 has 1 bad rows of 4: hour: .*rows 1") as info:
        judge(cases, 4, Tolerance("refuse"), where="week 3")
    assert info.value.share == 0.25


def test_drop_gives_the_rows_to_take_out() -> None:
    cases = failure_cases(SCHEMA, bad(hour=[5, 99, 7, 13], carrier=["AA", None, "AA", "B6"]))
    assert judge(cases, 4, Tolerance("drop"), where="week") == [1, 3]


def test_tolerate_keeps_bad_rows_up_to_the_share_itself() -> None:
    cases = failure_cases(SCHEMA, bad(hour=[5, 99, 7, 8]))
    assert judge(cases, 4, Tolerance("tolerate", 0.25), where="week") == []
    with pytest.raises(BadDataError, match=r"more than 24\.0% of 4"):
        judge(cases, 4, Tolerance("tolerate", 0.24), where="week")


@pytest.mark.parametrize("mode", ["refuse", "drop", "tolerate"])
def test_another_form_is_refused_in_every_mode(mode: str) -> None:
    cases = failure_cases(SCHEMA, GOOD.assign(hour=GOOD["hour"].astype("float64")))
    with pytest.raises(BadDataError, match="another form"):
        judge(cases, 4, Tolerance(mode, 1.0), where="week")


def test_dropping_every_row_is_refused() -> None:
    cases = failure_cases(SCHEMA, bad(hour=[99, 99, 99, 99]))
    with pytest.raises(BadDataError, match="no good row"):
        judge(cases, 4, Tolerance("drop"), where="week")


def test_the_summary_counts_by_column_and_check() -> None:
    cases = failure_cases(SCHEMA, bad(hour=[98, 99, 7, 8], carrier=["AA", None, "AA", "B6"]))
    assert summarise(cases).to_dict("records") == [
        {
            "column": "hour",
            "check": "in_range(0, 23)",
            "failures": 2,
            "rows": "0, 1",
            "values": "98, 99",
        },
        {"column": "carrier", "check": "not_nullable", "failures": 1, "rows": "1", "values": ""},
    ]


def schema(check: pa.Check, **options: object) -> pa.DataFrameSchema:
    return pa.DataFrameSchema({"a": pa.Column("int64", check, **options)})


LIMIT = 5


def test_a_schema_is_keyed_by_all_it_says() -> None:
    said = [
        schema(pa.Check.gt(1)),
        schema(pa.Check.gt(2)),
        schema(pa.Check.ge(1)),
        schema(pa.Check.gt(1), nullable=True),
        schema(pa.Check(lambda column: column > 1)),
        schema(pa.Check(lambda column: column > 2)),
        schema(pa.Check(lambda column: column > LIMIT)),
        pa.DataFrameSchema({"a": pa.Column("float64", pa.Check.gt(1))}),
        pa.DataFrameSchema({"b": pa.Column("int64", pa.Check.gt(1))}),
        pa.DataFrameSchema({"a": pa.Column("int64", pa.Check.gt(1))}, strict=True),
    ]
    assert len({value_digest(item) for item in said}) == len(said)


def test_the_same_schema_has_the_same_key_also_once_used() -> None:
    one, other = schema(pa.Check.gt(1)), schema(pa.Check.gt(1))
    failure_cases(one, pd.DataFrame({"a": [1, 2]}))
    assert value_digest(one) == value_digest(other)
    before = value_digest(SCHEMA)
    failure_cases(SCHEMA, GOOD)
    assert value_digest(SCHEMA) == before


@pytest.mark.parametrize("wrong", [{"mode": "ignore"}, {"most_bad": 1.5}, {"most_bad": -0.1}])
def test_what_is_no_tolerance_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FormatError, match="choose"):
        Tolerance(**wrong)
