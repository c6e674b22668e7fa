"""Parameters of a run, from the three forms that clients send to values of Python."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from weft.builtin.execution import as_code, parameters_of
from weft.kit.errors import JobFailed

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("type_name", "value", "found"),
    [
        ("string", 'it\'s \\ "so"\n', 'it\'s \\ "so"\n'),
        ("Text", "", ""),
        ("int", 3, 3),
        ("Integer", "-12", -12),
        ("float", 0.5, 0.5),
        ("float", 2, 2),
        ("Number", "1e3", 1000.0),
        ("bool", False, False),
        ("Boolean", "TRUE", True),
        ("DateTime", "2026-02-28T23:59:59Z", "2026-02-28T23:59:59Z"),
        ("Guid", GUID, GUID),
        ("Automatic", None, None),
        ("automatic", 7, 7),
    ],
)
def test_a_value_that_fits_its_type_is_given_as_that(type_name: str, value: Any, found: Any) -> None:
    given = parameters_of({"parameters": {"p": {"type": type_name, "value": value}}})

    assert given == {"p": found}
    assert type(given["p"]) is type(found)


@pytest.mark.parametrize(
    ("type_name", "value", "why"),
    [
        ("string", 1, "must be text, not 1"),
        ("int", 1.0, "must be a whole number"),
        ("int", True, "must be a whole number"),
        ("Integer", "1.5", "must be a whole number"),
        ("Integer", "9" * 5000, "must be a whole number"),
        ("Number", "NaN", "must be a number"),
        ("float", "inf", "must be a number"),
        ("float", False, "must be a number"),
        ("Boolean", 1, "must be true or false"),
        ("bool", "yes", "must be true or false"),
        ("DateTime", "2026-02-30T00:00:00Z", "must be an instant"),
        ("DateTime", "2026-02-28 00:00:00", "must be an instant"),
        ("DateTime", 5, "must be an instant"),
        ("Guid", GUID.replace("-", ""), "must be a GUID"),
        ("Guid", None, "must be a GUID"),
        ("VariableReference", "$(/**/lib/v)", "no variable libraries"),
        ("Colour", "red", "'Colour' is no type"),
        (None, "red", "None is no type"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_told_with_its_name(
    type_name: Any, value: Any, why: str
) -> None:
    with pytest.raises(JobFailed, match=f"parameter 'p'.*{why}") as failed:
        parameters_of({"parameters": {"p": {"type": type_name, "value": value}}})

    assert failed.value.code == "InvalidParameter"
    assert len(failed.value.message) < 300


@pytest.mark.parametrize(
    "parameters",
    [
        {"a": {"value": 1, "type": "int"}, "b": {"value": [1]}},
        {"a": 1, "b": [1]},
        [{"name": "a", "value": 1, "type": "Integer"}, {"name": "b", "value": [1]}],
    ],
)
def test_the_three_forms_say_the_same(parameters: Any) -> None:
    assert parameters_of({"parameters": parameters}) == {"a": 1, "b": [1]}


@pytest.mark.parametrize("payload", [{}, {"parameters": None}, {"parameters": {}}, {"parameters": []}])
def test_a_run_needs_no_parameters(payload: dict[str, Any]) -> None:
    assert parameters_of(payload) == {}


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ("x = 1", "must be an object, or a list"),
        ([1], r"parameters\[0\] has no name"),
        ([{"name": "a"}], r"parameters\[0\] has no name or no value"),
        ({"a b": 1}, "cannot be that of a variable"),
        ({"import": 1}, "cannot be that of a variable"),
        ({"x\nimport os": 1}, "cannot be that of a variable"),
        ({"": 1}, "cannot be that of a variable"),
    ],
)
def test_what_is_no_parameter_is_refused(parameters: Any, why: str) -> None:
    with pytest.raises(JobFailed, match=why):
        parameters_of({"parameters": parameters})


def test_any_json_value_becomes_itself_as_code() -> None:
    values = {"a": "'''\\\n\u2028{x}", "b": None, "c": [1, {"d": True}], "e": 10**400, "f": 1e-300}

    module = ast.parse(as_code(values))

    found = {ast.unparse(line.targets[0]): ast.literal_eval(line.value) for line in module.body}  # type: ignore[attr-defined]  # each is an assignment
    assert found == values
