"""Values against schemas, beyond the official cases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.twins.dtdl.schemas import STANDARD, Array, Enum, Map, Object, Schema
from weft.twins.dtdl.values import checker

STRING, LONG = STANDARD["string"], STANDARD["long"]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("boolean", False),
        ("double", 1),
        ("double", 2**1000),
        ("float", -0.0),
        ("integer", -(2**31)),
        ("long", 2**63 - 1),
        ("string", "\x00"),
        ("date", "2024-02-29"),
        ("dateTime", "2024-02-29T23:59:59.123456789+14:00"),
        ("time", "00:00:00-00:00"),
        ("duration", "P1Y2M3DT4H5M6.7S"),
        ("point", {"type": "Point", "coordinates": [47.6, -122.1]}),
        ("polygon", {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}),
        ("vector", {"x": 1, "y": 2.5}),
    ],
)
def test_a_value_conforms(schema: str, value: Any) -> None:
    assert checker(STANDARD[schema])(value) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("boolean", 1),
        ("double", True),
        ("double", 2**1024),
        ("double", float("inf")),
        ("double", float("nan")),
        ("float", 1e39),
        ("integer", True),
        ("integer", 1.0),
        ("integer", 2**31),
        ("long", 2**63),
        ("long", 1e3),
        ("string", 1),
        ("date", "2023-02-29"),
        ("date", "2023-10-31\n"),
        ("date", "\uff12\uff10\uff12\uff13-10-31"),
        ("date", "20231031"),
        ("dateTime", "2023-02-29T00:00:00Z"),
        ("dateTime", "2023-10-31 12:00:00Z"),
        ("dateTime", "2023-10-31T12:00:00"),
        ("time", "12:00:00"),
        ("time", "24:00:00Z"),
        ("duration", "P1.5Y2M"),
        ("duration", "PT"),
        ("duration", "P1DT"),
        ("point", {"type": "Polygon", "coordinates": [1, 2]}),
        ("point", {"type": "Point", "coordinates": ["1"]}),
    ],
)
def test_a_value_does_not_conform(schema: str, value: Any) -> None:
    assert checker(STANDARD[schema])(value) is not None


NESTED = Object({"names": Map(Array(STRING)), "level": Enum((1, 2)), "word": Enum(("a", "b"))})


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({}, None),
        ({"names": {"en": ["a"]}, "level": 2, "word": "b"}, None),
        (None, "must be an object, not null"),
        ({"other": 1}, 'has no field "other"'),
        ({"names": ["a"]}, 'at "names": must be an object, not an array'),
        ({"names": {"en": "a"}}, 'at "names": at "en": must be an array, not "a"'),
        ({"names": {"en": ["a", 7]}}, 'at "names": at "en": at [1]: must be a string, not 7'),
        ({"level": True}, 'at "level": must be one of the values of its Enum, such as 1, 2, not true'),
        ({"level": 1.0}, 'at "level": must be one of the values of its Enum, such as 1, 2, not 1.0'),
        ({"word": 1}, 'at "word": must be one of the values of its Enum, such as "a", "b", not 1'),
        ({"level": None}, 'at "level": must be one of the values of its Enum, such as 1, 2, not null'),
    ],
)
def test_a_fault_says_where_and_what(value: Any, fault: str | None) -> None:
    assert checker(NESTED)(value) == fault


def test_a_long_value_is_not_in_the_message() -> None:
    fault = checker(Map(LONG))({"k" * 5_000: "v" * 5_000})

    assert fault is not None
    assert len(fault) < 250


def test_a_schema_used_by_many_fields_is_made_once() -> None:
    schema: Schema = LONG
    for _ in range(40):
        schema = Object({"a": schema, "b": schema})

    assert checker(schema)({"a": {"b": 7}}) is not None


@given(st.sampled_from([*STANDARD.values(), NESTED]), ANY_JSON)
def test_any_value_is_judged(schema: Schema, value: Any) -> None:
    fault = checker(schema)(value)

    assert fault is None or fault.isprintable()
