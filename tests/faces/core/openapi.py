"""Checks a JSON value against a schema of the published document: the part of OpenAPI 3.0 that it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.faces.core.golden import UUID

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
UNDERSTOOD = {
    *("$ref", "allOf", "anyOf", "type", "properties", "required", "items", "enum", "format", "nullable"),
    *("description", "example", "title", "default", "readOnly", "maxLength", "minLength", "pattern"),
    *("additionalProperties", "minimum", "maximum", "minItems", "maxItems", "discriminator"),
}


class Document:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def faults(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Return what is wrong with the *body* of an answer of the operation at *path*, as documented."""
        responses = self._document["paths"][path][method.lower()]["responses"]
        response = responses.get(str(status)) or responses["default"]
        content = response.get("content")
        if content is None:
            return [] if body is None else [f"{method} {path} {status} has no body, but {body!r} was sent"]
        return self._check("body", content["application/json"]["schema"], body)

    def required_headers(self, method: str, path: str, status: int) -> set[str]:
        response = self._document["paths"][path][method.lower()]["responses"][str(status)]
        return {name.lower() for name in response.get("headers", {})}

    def _check(self, where: str, schema: Mapping[str, Any], value: Any) -> list[str]:
        assert schema.keys() <= UNDERSTOOD, f"{where}: {schema.keys() - UNDERSTOOD} is not checked"
        if "$ref" in schema:
            return self._check(where, self._referred(schema["$ref"]), value)
        if value is None:
            return [] if schema.get("nullable") else [f"{where} is null"]
        found = self._check_parts(where, schema, value)
        if "type" in schema and not _is_of(schema["type"], value):
            return [*found, f"{where} is {value!r}, no {schema['type']}"]
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{where} is {value!r}, none of {schema['enum']}")
        if schema.get("format") == "uuid" and not UUID.fullmatch(value):
            found.append(f"{where} is {value!r}, no UUID")
        return found

    def _check_parts(self, where: str, schema: Mapping[str, Any], value: Any) -> list[str]:
        found = [fault for part in schema.get("allOf", ()) for fault in self._check(where, part, value)]
        if "anyOf" in schema and all(self._check(where, part, value) for part in schema["anyOf"]):
            found.append(f"{where} is {value!r}, none of the forms it may have")
        if isinstance(value, dict):
            found += [
                f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value
            ]
            for name, member in schema.get("properties", {}).items():
                if name in value:
                    found += self._check(f"{where}.{name}", member, value[name])
        if isinstance(value, list) and "items" in schema:
            for number, element in enumerate(value):
                found += self._check(f"{where}[{number}]", schema["items"], element)
        return found

    def _referred(self, name: str) -> Mapping[str, Any]:
        found: Any = self._document
        for step in name.removeprefix("#/").split("/"):
            found = found[step]
        schema: Mapping[str, Any] = found
        return schema


def _is_of(name: str, value: Any) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
