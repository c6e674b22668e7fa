"""Definitions of interfaces for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from weft.twins.dtdl.models import Dialect, ModelFault, ModelSet, ModelsRefused

Json = dict[str, Any]


def interface(name: str, *contents: Json, version: int = 3, **members: Any) -> Json:
    """Return the interface `dtmi:test:{name};1`."""
    definition = {
        "@context": f"dtmi:dtdl:context;{version}",
        "@id": id_of(name),
        "@type": "Interface",
        **members,
    }
    return definition | ({"contents": list(contents)} if contents else {})


def id_of(name: str) -> str:
    return f"dtmi:test:{name};1"


def property_(name: str, schema: Any = "double", **members: Any) -> Json:
    return {"@type": "Property", "name": name, "schema": schema, **members}


def component(name: str, of: str) -> Json:
    return {"@type": "Component", "name": name, "schema": id_of(of)}


def nested(depth: int) -> Json:
    """Return an object of so many levels."""
    value: Json = {}
    for _ in range(depth - 1):
        value = {"inner": value}
    return value


def faults(
    definitions: Sequence[Any], *, known: ModelSet | None = None, dialect: Dialect = Dialect.ADT
) -> tuple[ModelFault, ...]:
    """Return why *definitions* are refused; they must be."""
    with pytest.raises(ModelsRefused) as caught:
        (known or ModelSet()).add(definitions, dialect=dialect)
    return caught.value.faults


def rules(
    definitions: Sequence[Any], *, known: ModelSet | None = None, dialect: Dialect = Dialect.ADT
) -> set[str]:
    return {fault.rule for fault in faults(definitions, known=known, dialect=dialect)}
