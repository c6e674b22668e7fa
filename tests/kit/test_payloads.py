"""What a job's function is given as its payload, and what is said of a payload that does not fit."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.kit import payload_types as types
from weft import JobContext, Workload
from weft.kit.errors import PayloadInvalid, WorkloadInvalid, WorkloadNotLoaded
from weft.kit.payloads import reader_of
from weft.kit.workload import load_workload

RAW = b'{"folds": 3, "more": true}'


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (types.takes_struct, types.Struct(3)),
        (types.takes_data, types.Data(3)),
        (types.takes_typed, {"folds": 3}),
        (types.takes_attrs, types.Attrs(3)),
        (types.takes_model, types.Model(folds=3)),
        (types.takes_maybe, types.Struct(3)),
        (types.takes_later, types.Later(3)),
        (types.Takes(), types.Struct(3)),
        (types.Takes().method, types.Struct(3)),
        (functools.partial(types.takes_struct), types.Struct(3)),
        (types.takes_dict, {"folds": 3, "more": True}),
        (types.takes_any, {"folds": 3, "more": True}),
        (types.takes_whatever, {"folds": 3, "more": True}),
        (types.takes_all, {"folds": 3, "more": True}),
    ],
)
def test_the_annotation_of_the_second_parameter_says_what_the_payload_becomes(
    function: Any, value: object
) -> None:
    made = reader_of(function).read(RAW)

    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (types.takes_strict, types.Strict()),
        (types.takes_maybe, None),
        (types.takes_map, {}),
        (types.takes_dict, {}),
        (types.takes_whatever, {}),
    ],
)
def test_no_payload_is_an_empty_object_or_none_where_that_is_allowed(function: Any, value: object) -> None:
    assert reader_of(function).read(b"") == value


def test_a_class_that_is_known_to_a_closure_alone_is_found() -> None:
    class Local(msgspec.Struct):
        folds: int

    def function(ctx: JobContext, payload: Local) -> Local:
        return Local(payload.folds)

    assert reader_of(function).read(RAW) == Local(3)


@pytest.mark.parametrize(
    ("function", "raw", "field", "words"),
    [
        (types.takes_struct, b'{"folds": "x"}', "creationPayload.folds", "Expected `int`, got `str`"),
        (types.takes_struct, b'{"folds": 1.5}', "creationPayload.folds", "Expected `int`, got `float`"),
        (types.takes_struct, b"{}", "creationPayload.folds", "is required"),
        (types.takes_struct, b"", "creationPayload.folds", "is required"),
        (types.takes_struct, b"[]", "creationPayload", "Expected `object`, got `array`"),
        (types.takes_struct, b'{"folds', "creationPayload", "is no JSON value"),
        (types.takes_struct, b'{"folds": 1, "inner": [{"step": 1}, {}]}',
         "creationPayload.inner[1].step", "is required"),
        (types.takes_struct, b'{"folds": 1, "named": {"a b": {"step": null}}}',
         "creationPayload.named[...].step", "Expected `int`, got `null`"),
        (types.takes_strict, b'{"fold": 1}', "creationPayload", "unknown field `fold`"),
        (types.takes_data, b'{"folds": -1}', "creationPayload", "folds below zero"),
        (types.takes_data, b'{"folds": 2000}', "creationPayload", "KeyError: 'no table for so many'"),
        (types.takes_typed, b"{}", "creationPayload.folds", "is required"),
        (types.takes_attrs, b'{"folds": []}', "creationPayload.folds", "Expected `int`, got `array`"),
        (types.takes_model, b'{"folds": -1}', "creationPayload.folds", "greater than or equal to 0"),
        (types.takes_model, b'{"folds": "x", "inner": [{}]}', "creationPayload.folds", "(and 1 more)"),
        (types.takes_model, b'{"folds": 1, "inner": [{}]}', "creationPayload.inner[0].step", "required"),
        (types.takes_model, b"[]", "creationPayload", "should be an object"),
        (types.takes_map, b'{"a": "x"}', "creationPayload[...]", "Expected `int`, got `str`"),
        (types.takes_any, b"{", "creationPayload", "is no JSON value"),
        (types.takes_any, b"[" * 100_000, "creationPayload", "is no JSON value"),
    ],
)  # fmt: skip
def test_a_payload_that_does_not_fit_is_told_with_the_member_at_fault(
    function: Any, raw: bytes, field: str, words: str
) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        reader_of(function).read(raw)

    assert caught.value.field == field
    assert words in caught.value.message
    assert str(caught.value) == f"{field}: {caught.value.message}"


def test_a_payload_that_is_deeper_than_any_is_refused_by_a_type_that_holds_itself() -> None:
    raw = b'{"inner":' * 100_000 + b"1" + b"}" * 100_000

    with pytest.raises(PayloadInvalid):
        reader_of(takes_nested).read(raw)


def test_what_is_said_of_a_payload_is_bounded() -> None:
    with pytest.raises(PayloadInvalid) as caught:
        reader_of(types.takes_strict).read(b'{"%s": 1}' % (b"x" * 500_000))

    assert len(caught.value.message) <= 1000


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (types.takes_tuple, "a payload is a JSON object, and Tuple is read from none"),
        (types.takes_array_like, "a payload is a JSON object, and ArrayLike is read from none"),
        (types.takes_list, "is read from none"),
        (types.takes_number, "int is read from none"),
        (types.takes_unknown, "nothing in JSON becomes Unknown"),
        (types.takes_holder, "cannot become HoldsUnknown: nothing in JSON becomes Unknown"),
    ],
)
def test_a_type_that_no_payload_can_become_is_refused_where_the_job_is_declared(
    function: Any, words: str
) -> None:
    workload = Workload("W")

    with pytest.raises(WorkloadInvalid) as caught:
        workload.job("T", "j")(function)

    assert str(caught.value).startswith("job T/j: ")
    assert words in str(caught.value)
    assert not workload.jobs


def test_an_annotation_may_name_what_its_module_defines_further_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _module(tmp_path, monkeypatch, "later_payload", "class Settings(msgspec.Struct):\n    folds: int\n")

    workload = load_workload("later_payload:workload")

    with pytest.raises(PayloadInvalid, match=r"creationPayload.folds: is required"):
        workload.check_payload("T", "j", b"{}")
    workload.check_payload("T", "j", b'{"folds": 1}')


def test_an_annotation_that_names_nothing_is_told_when_the_workload_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _module(tmp_path, monkeypatch, "lost_payload", "")

    with pytest.raises(WorkloadNotLoaded, match=r"job T/j: the payload's annotation 'Settings' cannot be"):
        load_workload("lost_payload:workload")


def _module(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: str) -> None:
    text = (
        "from __future__ import annotations\nimport msgspec\nfrom weft import Workload\n"
        "workload = Workload('W')\n@workload.job('T', 'j')\n"
        f"def job(ctx: object, payload: Settings) -> None: ...\n{end}"
    )
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)


class Nested(msgspec.Struct):
    inner: Nested | None = None


def takes_nested(ctx: JobContext, payload: Nested) -> None: ...
