"""Pandera: schemas as key material, failures as a table.

A schema is keyed by all that it says, the code of its checks and parsers included: an edited lambda
is another schema. Pandera's own `to_yaml` leaves those out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera
import pandera.pandas as pa
from pandera.api.base.checks import BaseCheck
from pandera.api.base.parsers import BaseParser
from pandera.api.base.schema import BaseSchema
from pandera.dtypes import DataType
from pandera.errors import SchemaErrors

from versioning.encoding import Encoder, register_encoder
from versioning.keys import root_key

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = {"row": "Int64", "column": "str", "check": "str", "value": "str"}
# Says nothing of what is accepted.
PROSE = {"title", "description", "metadata", "error", "strategy"}


def failure_cases(schema: pa.DataFrameSchema, rows: pd.DataFrame) -> pd.DataFrame:
    """Everything about `rows` that `schema` does not accept.

    Args:
        schema: What rows should be like; checked lazily, so nothing hides behind the first failure.
        rows: What is checked; its index must be unique.

    Returns:
        One row a failure, by position: `row` (position in `rows`, null where the whole table is at
        fault, as for a missing column), `column` (empty for a check of whole rows), `check` and
        `value`, as text. Empty when all is well.
    """
    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        return _table(errors.failure_cases, rows.index)
    return _table(pd.DataFrame(columns=[*_FOUND, "schema_context", "check_number"]), rows.index)


_FOUND = {"index": "row", "column": "column", "check": "check", "failure_case": "value"}


def _table(cases: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    # A check of whole rows is reported once for every column: once is enough.
    whole = (cases["schema_context"] == "DataFrameSchema") & cases["check_number"].notna()
    cases = cases.assign(
        column=cases["column"].mask(whole, ""),
        failure_case=cases["failure_case"].mask(whole, ""),
    )
    table = cases.rename(columns=_FOUND)[list(COLUMNS)]
    places = pd.Series(range(len(index)), index=index, dtype="Int64")
    text = {name: table[name].map(_text).astype("str") for name in ("column", "check", "value")}
    table = table.assign(row=table["row"].map(places).astype("Int64"), **text)
    table = table.drop_duplicates().sort_values([*COLUMNS], na_position="first")
    return table.reset_index(drop=True).astype(COLUMNS)


def _text(value: Any) -> str:
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


def _encode(value: Any, to: Encoder) -> None:
    kept = {name: item for name, item in vars(value).items() if name not in PROSE}
    to.attributes({name: _keyable(item) for name, item in kept.items()})


def _encode_dtype(value: DataType, to: Encoder) -> None:
    to.text(str(value))
    # An engine's own type (a logical type, a pydantic model) is more than its name.
    to.attributes({name: str(item) for name, item in vars(value).items()})


def _keyable(value: Any) -> Any:
    """`value` with every function in it replaced by the key of its code."""
    if isinstance(value, Mapping):
        return {name: _keyable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_keyable(item) for item in value]
    if isinstance(value, type):
        return f"{value.__module__}:{value.__qualname__}"
    # Checks and parsers can be called too, but say more than their code.
    return _code(value) if callable(value) and not isinstance(value, _KNOWN) else value


def _code(function: Callable[..., Any]) -> str:
    # A built-in check is a dispatcher over data frame libraries; its parameters are beside it.
    if type(function).__module__.startswith("pandera"):
        return f"pandera {pandera.__version__}:{function.__name__}"
    from versioning.code import code_leaves

    return root_key(code_leaves(function).leaves)


_KNOWN = (BaseSchema, BaseCheck, BaseParser, DataType)

for _family, _tag in ((BaseSchema, "schema"), (BaseCheck, "check"), (BaseParser, "parser")):
    register_encoder(_family, f"pandera/{_tag}", _encode, subclasses=True)
register_encoder(DataType, "pandera/dtype", _encode_dtype, subclasses=True)
