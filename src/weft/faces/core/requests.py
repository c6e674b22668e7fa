"""Bodies of requests, checked beyond their types: names, descriptions, definitions, run requests."""

from __future__ import annotations

import binascii
import unicodedata
from base64 import b64decode
from dataclasses import dataclass

import msgspec

from weft.contracts import core as wire
from weft.faces.core.errors import CorruptedPayload, FolderNotFound
from weft.faces.http import Refusal, Refused, canonical_uuid, decode, shown

LONGEST_NAME = 256
LONGEST_WORKSPACE_DESCRIPTION = 4000
LONGEST_ITEM_DESCRIPTION = 256
LONGEST_PATH = 1024
INLINE = "InlineBase64"
LINE_BREAKERS = frozenset({"Cc", "Zl", "Zp"})

# What clients send where they mean "no body"; one sends the JSON string "{}" with every call.
NO_BODY = frozenset({b"", b"null", b'"{}"'})


def workspace_request(raw: bytes) -> wire.CreateWorkspaceRequest:
    """Raises Refused."""
    request = decode(raw, wire.CreateWorkspaceRequest)
    _check_name(request.display_name, "displayName")
    _check_length(request.description, "description", LONGEST_WORKSPACE_DESCRIPTION)
    if request.capacity_id is not None:
        canonical_uuid(request.capacity_id, "capacityId")
    return request


def item_request(raw: bytes) -> wire.CreateItemRequest:
    """Raises Refused, CorruptedPayload, and FolderNotFound, for there are no folders yet."""
    request = decode(raw, wire.CreateItemRequest)
    _check_name(request.display_name, "displayName")
    _check_name(request.type, "type")
    _check_length(request.description, "description", LONGEST_ITEM_DESCRIPTION)
    if request.definition is not None:
        _check_definition(request.definition)
    if creation_payload(request) and request.definition is not None:
        raise _bad_body("creationPayload", "creationPayload and definition must not be given both")
    if request.folder_id is not None:
        raise FolderNotFound(canonical_uuid(request.folder_id, "folderId"))
    return request


def creation_payload(request: wire.CreateItemRequest) -> bytes:
    """Return the creationPayload as JSON text, or `b""` where there is none. Raises Refused."""
    return _object(request.creation_payload, "creationPayload")


def item_update(raw: bytes) -> wire.UpdateItemRequest:
    """Raises Refused, also where nothing would change."""
    request = decode(raw, wire.UpdateItemRequest)
    if request.display_name is None and request.description is None:
        raise _bad_body("displayName", "displayName or description is needed")
    if request.display_name is not None:
        _check_name(request.display_name, "displayName")
    _check_length(request.description, "description", LONGEST_ITEM_DESCRIPTION)
    return request


def definition_update(raw: bytes) -> wire.ItemDefinition:
    """Raises Refused, CorruptedPayload."""
    definition = decode(raw, wire.UpdateItemDefinitionRequest).definition
    _check_definition(definition)
    return definition


def item_type_filter(text: str) -> str:
    """Raises Refused."""
    _check_name(text, "type")
    return text


@dataclass(frozen=True, slots=True)
class RunRequest:
    """*data* is the executionData as JSON text, `b""` where there is none; *parameters* are checked."""

    data: bytes = b""
    parameters: tuple[wire.Parameter, ...] = ()


def run_request(raw: bytes) -> RunRequest:
    """Raises Refused."""
    if raw.strip() in NO_BODY:
        return RunRequest()
    request = decode(raw, wire.RunOnDemandItemJobRequest)
    data = _object(request.execution_data, "executionData")
    parameters = request.parameters or []
    _check_parameters(parameters)
    return RunRequest(data, tuple(parameters))


def with_parameters(request: RunRequest) -> bytes:
    """Return the executionData with the parameters as its member of that name, in the form of notebooks.

    `{"parameters": {"day": {"value": "2026-01-01", "type": "Text"}}}`. Raises Refused for one given twice.
    """
    data = msgspec.json.decode(request.data) if request.data else {}
    given = data.setdefault("parameters", {})
    if not isinstance(given, dict):
        raise _bad_body("executionData.parameters", "executionData.parameters: must be an object")
    for index, parameter in enumerate(request.parameters):
        if parameter.name in given:
            field = f"parameters[{index}].name"
            raise _bad_body(field, f"{field}: {shown(parameter.name)} is in executionData, too")
        given[parameter.name] = {"value": parameter.value, "type": parameter.type}
    return msgspec.json.encode(data)


def _check_parameters(parameters: list[wire.Parameter]) -> None:
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        field = f"parameters[{index}]"
        _check_name(parameter.name, f"{field}.name")
        if parameter.name.casefold() in seen:
            raise _bad_body(f"{field}.name", f"{field}.name: {shown(parameter.name)} is given twice")
        seen.add(parameter.name.casefold())
        if isinstance(parameter.value, dict | list):
            raise _bad_body(f"{field}.value", f"{field}.value: must be a single value")


def _check_definition(definition: wire.ItemDefinition) -> None:
    if isinstance(definition.format, str):
        _check_name(definition.format, "definition.format")
    if not definition.parts:
        raise _bad_body("definition.parts", "definition.parts is empty")
    seen: set[str] = set()
    for index, part in enumerate(definition.parts):
        field = f"definition.parts[{index}]"
        _check_path(part.path, f"{field}.path")
        if part.path in seen:
            raise _bad_body(f"{field}.path", f"{field}.path: {shown(part.path)} is given twice")
        seen.add(part.path)
        if part.payload_type != INLINE:
            raise _bad_body(
                f"{field}.payloadType",
                f"{field}.payloadType must be {INLINE}, not {shown(part.payload_type)}",
            )
        _check_base64(part.payload, f"{field}.payload")


def _check_path(path: str, field: str) -> None:
    """A workload may keep the parts as files: no path leads out of where it keeps them."""
    if not path.strip() or any(unicodedata.category(character) in LINE_BREAKERS for character in path):
        raise _bad_body(field, f"{field} must be a path, not {shown(path)}")
    _check_length(path, field, LONGEST_PATH)
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise _bad_body(field, f"{field} must stay below the item, as {shown(path)} does not")


def _check_base64(payload: str, field: str) -> None:
    try:
        b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise CorruptedPayload(field, payload) from None


def _object(raw: msgspec.Raw, field: str) -> bytes:
    """Return the JSON object *raw*, or `b""` for null. Raises Refused."""
    data = bytes(raw).strip()
    if data == b"null":
        return b""
    if not data.startswith(b"{"):
        found = shown(msgspec.json.decode(data))
        raise _bad_body(field, f"{field}: expected `object`, in {found}")
    return data


def _check_name(text: str, field: str) -> None:
    if not text.strip():
        raise _bad_body(field, f"{field} is empty")
    _check_length(text, field, LONGEST_NAME)
    if any(unicodedata.category(character) in LINE_BREAKERS for character in text):
        raise _bad_body(field, f"{field} must not hold control characters, as {shown(text)} does")


def _check_length(text: str | None, field: str, longest: int) -> None:
    if text is not None and len(text) > longest:
        raise _bad_body(field, f"{field} has {len(text)} characters, {longest} are allowed: {shown(text)}")


def _bad_body(field: str, message: str) -> Refused:
    return Refused(Refusal.BAD_BODY, field, message)
