"""The cases of the specification and of its parser, every one; those judged wrongly are in misjudged.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from weft.twins.dtdl.models import Dialect, ModelSet, ModelsRefused, Schema
from weft.twins.dtdl.schemas import STANDARD
from weft.twins.dtdl.values import checker

pytestmark = pytest.mark.shared

MISJUDGED: dict[str, list[str]] = json.loads((Path(__file__).parent / "misjudged.json").read_text())


def cases_in(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8-sig"))


@pytest.mark.parametrize(("version", "count", "share"), [(2, 3593, 0.98), (3, 3618, 0.995)])
def test_models_are_judged_as_the_specification_does(
    shared: Path, version: int, count: int, share: float
) -> None:
    directory = shared / "golden" / "dtdl" / f"v{version}"

    wrong = [name for path in sorted(directory.iterdir()) for name in wrong_models(path)]

    assert wrong == [name for name in MISJUDGED["models"] if name.startswith(directory.name)]
    assert len(wrong) <= count * (1 - share)
    assert sum(len(cases_in(path)) for path in directory.iterdir()) == count


def wrong_models(path: Path) -> Iterator[str]:
    for number, case in enumerate(cases_in(path)):
        dialect = Dialect.OPEN if "AllowUndefinedExtensions" in case["options"] else Dialect.DTDL
        if is_accepted(case["input"], dialect) != case["valid"]:
            yield f"{path.parent.name}/{path.name}#{number}"


def is_accepted(definitions: list[Any], dialect: Dialect) -> bool:
    try:
        ModelSet().add(definitions, dialect=dialect)
    except ModelsRefused:
        return False
    return True


def test_values_are_judged_as_the_parser_does(shared: Path) -> None:
    paths = sorted((shared / "golden" / "dtdl" / "instances").glob("*V[23].json"))

    wrong = [name for path in paths for name in wrong_instances(path)]

    count = sum(len(cases_in(path)["instances"]) for path in paths)
    assert (len(paths), count) == (18, 418)
    assert wrong == MISJUDGED["instances"]
    assert len(wrong) <= count * 0.01


def wrong_instances(path: Path) -> Iterator[str]:
    case = cases_in(path)
    models = ModelSet().add(case["input"], dialect=Dialect.DTDL)
    schemas = {id: schema for model in models for id, schema in models[model].schemas.items()}
    for number, instance in enumerate(case["instances"]):
        schema = schemas.get(instance["subject"]) or standard_schema(instance["subject"])
        if not is_rightly_judged(instance, schema):
            yield f"{path.name}#{number}"


def standard_schema(subject: str) -> Schema | None:
    if not subject.startswith("dtmi:dtdl:instance:Schema:"):
        return None
    return STANDARD[subject.rpartition(":")[2].partition(";")[0]]


def is_rightly_judged(instance: dict[str, Any], schema: Schema | None) -> bool:
    """Where the parser throws, the subject is no schema, and so nothing to check values with."""
    if schema is None:
        return bool(instance["throws"])
    try:
        value = json.loads(instance["submit"])
    except ValueError:
        return not instance["conforms"]
    return bool(instance["conforms"]) == (checker(schema)(value) is None)
