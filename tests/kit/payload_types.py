"""Payload types of every kind that a job's function may be annotated with."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, TypedDict

import attrs
import msgspec
from pydantic import BaseModel, Field

from weft import JobContext


class Inner(msgspec.Struct):
    step: int


class Struct(msgspec.Struct):
    folds: int
    inner: list[Inner] = []
    named: dict[str, Inner] = {}


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    folds: int = 1


@dataclasses.dataclass
class Data:
    folds: int

    def __post_init__(self) -> None:
        if self.folds < 0:
            raise ValueError("folds below zero")
        if self.folds > 1000:
            raise KeyError("no table for so many")


class Typed(TypedDict):
    folds: int


@attrs.define
class Attrs:
    folds: int


class Model(BaseModel):
    folds: int = Field(ge=0)
    inner: list[Inner_] = []


class Inner_(BaseModel):  # noqa: N801 - Inner is the other one
    step: int


Model.model_rebuild()


class Tuple(NamedTuple):
    folds: int


class ArrayLike(msgspec.Struct, array_like=True):
    folds: int


class Unknown:
    """No library here knows how to make one."""


@dataclasses.dataclass
class HoldsUnknown:
    deep: list[dict[str, Unknown]]


def takes_struct(ctx: JobContext, payload: Struct) -> None: ...
def takes_strict(ctx: JobContext, payload: Strict) -> None: ...
def takes_data(ctx: JobContext, payload: Data) -> None: ...
def takes_typed(ctx: JobContext, payload: Typed) -> None: ...
def takes_attrs(ctx: JobContext, payload: Attrs) -> None: ...
def takes_model(ctx: JobContext, payload: Model) -> None: ...
def takes_maybe(ctx: JobContext, payload: Struct | None) -> None: ...
def takes_map(ctx: JobContext, payload: dict[str, int]) -> None: ...
def takes_dict(ctx: JobContext, payload: dict[str, Any]) -> None: ...
def takes_any(ctx: JobContext, payload: Any) -> None: ...
def takes_whatever(ctx, payload) -> None: ...  # type: ignore[no-untyped-def]
def takes_all(*given: Any) -> None: ...


def takes_tuple(ctx: JobContext, payload: Tuple) -> None: ...
def takes_array_like(ctx: JobContext, payload: ArrayLike) -> None: ...
def takes_list(ctx: JobContext, payload: list[int]) -> None: ...
def takes_number(ctx: JobContext, payload: int) -> None: ...
def takes_unknown(ctx: JobContext, payload: Unknown) -> None: ...
def takes_holder(ctx: JobContext, payload: HoldsUnknown) -> None: ...
def takes_later(ctx: JobContext, payload: Later) -> None: ...
def takes_nothing_known(ctx: JobContext, payload: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


class Takes:
    """A job of an object that can be called, and a method."""

    def __call__(self, ctx: JobContext, payload: Struct) -> None: ...

    def method(self, ctx: JobContext, payload: Struct) -> None: ...


class Later(msgspec.Struct):
    folds: int
