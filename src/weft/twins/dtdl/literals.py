"""Literals of DTDL: bare values, value objects, and strings in several languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from weft.twins.dtdl.faults import shown
from weft.twins.dtdl.language import LANGUAGE_SYNTAX

_LANGUAGE = re.compile(LANGUAGE_SYNTAX)
_LARGEST = 2**31
_XSD = "http://www.w3.org/2001/XMLSchema#"
_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}
_NAMES = {"string": "a string", "integer": "a whole number of at most 4 bytes", "boolean": "true or false"}


class LiteralRefused(Exception):
    """Carries the *rule*; the message completes "The <member> ..."."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


def read_literal(value: object, types: tuple[str, ...], version: int) -> str | int | bool:
    """Return the value of a literal of one of *types*, which are XML Schema's. Raises LiteralRefused."""
    if isinstance(value, dict):
        return _read_value_object(value, types, version)
    if _type_of(value) not in types:
        names = " or ".join(_NAMES[name] for name in types)
        rule = "Representational" + "Or".join(name.title() for name in types)
        raise LiteralRefused(rule, f"must be {names}, not {shown(value)}.")
    return value  # type: ignore[return-value]  # its type is one of those


def _type_of(value: object) -> str | None:
    for name, python in _TYPES.items():
        if type(value) is python:
            return name if name != "integer" or -_LARGEST <= value < _LARGEST else None  # type: ignore[operator]
    return None


def _read_value_object(value: Mapping[str, Any], types: tuple[str, ...], version: int) -> str | int | bool:
    unexpected = _unexpected(value, ("@value", "@type"), version)
    if unexpected:
        rule, message = "RepresentationalOnlyValueAndType", f"may not hold {shown(unexpected[0])}."
        raise LiteralRefused(rule, message)
    if "@value" not in value:
        raise LiteralRefused("RepresentationalHasValue", "is an object, so it must have an @value.")
    inner = value["@value"]
    if isinstance(inner, dict):
        raise LiteralRefused("RepresentationalHasValue", "may not nest one @value in another.")
    found = read_literal(inner, types, version)
    if "@type" in value:
        _require_xsd_type(value["@type"], str(_type_of(found)))
    return found


def _unexpected(value: Mapping[str, Any], expected: tuple[str, ...], version: int) -> list[str]:
    """DTDL 2 only advises against further keywords."""
    return [key for key in value if key not in expected and (version > 2 or not key.startswith("@"))]


def _require_xsd_type(value: object, name: str) -> None:
    included = value if isinstance(value, list) else [value]
    if len(included) != 1 or included[0] not in (f"xsd:{name}", f"{_XSD}{name}"):
        raise LiteralRefused(
            f"Representational{name.title()}Type", f"has the @type {shown(value)}, not xsd:{name}."
        )


def read_localizable(value: object, version: int) -> list[str]:
    """Return the texts of a localizable string. Raises LiteralRefused."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return _read_language_map(value)
    if isinstance(value, list):
        return _read_language_list(value, version)
    raise LiteralRefused(
        "LocalizableStringOrArrayOrObject", f"must be a string in languages, not {shown(value)}."
    )


def _read_language_map(value: Mapping[str, Any]) -> list[str]:
    for code, text in value.items():
        _require_language(code, "LocalizableStringObjectMemberNameRegex")
        if not isinstance(text, str):
            rule = "LocalizableStringObjectMemberValueString"
            raise LiteralRefused(rule, f"must be a string in {code}, not {shown(text)}.")
    return list(value.values())


def _require_language(code: object, rule: str) -> None:
    if not isinstance(code, str) or _LANGUAGE.fullmatch(code) is None:
        raise LiteralRefused(rule, f"has {shown(code)} where a language code must be, such as en.")


def _read_language_list(value: list[Any], version: int) -> list[str]:
    tagged = [_read_tagged(each, version) for each in value]
    codes = [code for _, code in tagged]
    if len(set(codes)) != len(codes):
        raise LiteralRefused("LocalizableStringArrayElementLanguageValueUnique", "names a language twice.")
    return [text for text, _ in tagged]


def _read_tagged(value: object, version: int) -> tuple[str, str]:
    """Return the text and its language code, which is `en` by default."""
    if isinstance(value, str):
        return value, "en"
    if not isinstance(value, dict):
        rule = "LocalizableStringArrayElementStringOrObject"
        raise LiteralRefused(rule, f"must hold strings and objects, not {shown(value)}.")
    if not isinstance(value.get("@value"), str):
        raise LiteralRefused(
            "LocalizableStringArrayElementHasValue", "holds an object without a string @value."
        )
    if _unexpected(value, ("@value", "@language"), version):
        rule = "LocalizableStringArrayElementOnlyValueAndLanguage"
        raise LiteralRefused(rule, "holds an object with more than @value and @language.")
    code = value.get("@language", "en")
    _require_language(code, "LocalizableStringArrayElementLanguageValueRegex")
    return value["@value"], code
