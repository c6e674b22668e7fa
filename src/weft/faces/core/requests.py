"""Bodies of requests, checked beyond their types: names, descriptions, run requests."""

from __future__ import annotations

import unicodedata

import msgspec

from weft.contracts import core as wire
from weft.faces.core.errors import FolderNotFound, ParametersNotAllowed
from weft.faces.http import Refusal, Refused, canonical_uuid, decode, shown

LONGEST_NAME = 256
LONGEST_WORKSPACE_DESCRIPTION = 4000
LONGEST_ITEM_DESCRIPTION = 256
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
    """Raises Refused, and FolderNotFound: there are no folders yet, so none can be meant."""
    request = decode(raw, wire.CreateItemRequest)
    _check_name(request.display_name, "displayName")
    _check_name(request.type, "type")
    _check_length(request.description, "description", LONGEST_ITEM_DESCRIPTION)
    if request.folder_id is not None:
        raise FolderNotFound(canonical_uuid(request.folder_id, "folderId"))
    return request


def item_type_filter(text: str) -> str:
    """Raises Refused."""
    _check_name(text, "type")
    return text


def execution_data(raw: bytes) -> bytes:
    """Return the executionData of a run request as JSON text, or `b""` where there is none.

    Raises Refused, and ParametersNotAllowed where well-formed parameters are given.
    """
    if raw.strip() in NO_BODY:
        return b""
    request = decode(raw, wire.RunOnDemandItemJobRequest)
    data = bytes(request.execution_data).strip()
    if data == b"null":
        data = b""
    elif not data.startswith(b"{"):
        found = shown(msgspec.json.decode(data))
        raise _bad_body("executionData", f"executionData: expected `object`, in {found}")
    if request.parameters:
        _check_parameters(request.parameters)
        raise ParametersNotAllowed
    return data


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
