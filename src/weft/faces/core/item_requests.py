"""What the contract's structs cannot say of requests about items and their definitions."""

from __future__ import annotations

import binascii
import unicodedata
from base64 import b64decode
from typing import Final

from weft.contracts import core as wire
from weft.faces.core.checks import (
    LINE_BREAKERS,
    check_changes,
    check_length,
    check_name,
    folder_id,
    json_object,
)
from weft.faces.core.own_errors import CorruptedPayload
from weft.faces.http import Refused, bad_body, canonical_uuid, check_json, decode, shown

LONGEST_DESCRIPTION: Final = 256
LONGEST_PATH: Final = 1024
MOST_EXPORTED: Final = 1000
PLATFORM: Final = ".platform"
INLINE: Final = "InlineBase64"


def item_request(raw: bytes) -> wire.CreateItemRequest:
    """Raises Refused, CorruptedPayload."""
    return _checked_item(decode(raw, wire.CreateItemRequest))


def typed_item_request(raw: bytes, item_type: str) -> wire.CreateItemRequest:
    """Return what makes an item of *item_type*; another type in the body is refused, for nothing would be it.

    Raises Refused, CorruptedPayload.
    """
    given = decode(raw, wire.CreateTypedItemRequest)
    if given.type is not None and given.type.lower() != item_type.lower():
        raise bad_body("type", f"type must be {item_type} here, not {shown(given.type)}")
    return _checked_item(
        wire.CreateItemRequest(
            display_name=given.display_name,
            type=item_type,
            description=given.description,
            folder_id=given.folder_id,
            definition=given.definition,
            creation_payload=given.creation_payload,
        )
    )


def _checked_item(request: wire.CreateItemRequest) -> wire.CreateItemRequest:
    check_name(request.display_name, "displayName")
    check_name(request.type, "type")
    check_length(request.description, "description", LONGEST_DESCRIPTION)
    if request.definition is not None:
        _check_definition(request.definition)
    if creation_payload(request) and request.definition is not None:
        raise bad_body("creationPayload", "creationPayload and definition must not be given both")
    request.folder_id = folder_id(request.folder_id, "folderId")
    return request


def creation_payload(request: wire.CreateItemRequest) -> bytes:
    """Return the creationPayload as JSON text, or `b""` where there is none. Raises Refused."""
    return json_object(request.creation_payload, "creationPayload")


def item_update(raw: bytes) -> wire.UpdateItemRequest:
    """Raises Refused, also where nothing would change."""
    request = decode(raw, wire.UpdateItemRequest)
    check_changes(request.display_name, request.description, LONGEST_DESCRIPTION)
    return request


def definition_update(raw: bytes) -> wire.ItemDefinition:
    """Raises Refused, CorruptedPayload."""
    definition = decode(raw, wire.UpdateItemDefinitionRequest).definition
    _check_definition(definition)
    return definition


def metadata_of(definition: wire.ItemDefinition) -> wire.UpdateItemRequest:
    """Return what the part `.platform` says of the item; nothing where there is none. Raises Refused."""
    for index, part in enumerate(definition.parts):
        if part.path == PLATFORM:
            return _metadata(b64decode(part.payload), f"definition.parts[{index}].payload")
    return wire.UpdateItemRequest()


def _metadata(raw: bytes, field: str) -> wire.UpdateItemRequest:
    try:
        check_json(raw)
        metadata = decode(raw, wire.PlatformFile).metadata
        if metadata.display_name is not None:
            check_name(metadata.display_name, "displayName")
        check_length(metadata.description, "description", LONGEST_DESCRIPTION)
    except Refused as refused:
        raise bad_body(field, f"{field}: {PLATFORM}: {refused.message}") from None
    return metadata


def item_type_filter(text: str) -> str:
    """Raises Refused."""
    check_name(text, "type")
    return text


def exported_items(raw: bytes) -> list[str]:
    """Return the ids of the items to export; none for all. Raises Refused."""
    request = decode(raw, wire.BulkExportItemDefinitionsRequest)
    if request.mode not in ("All", "Selective"):
        raise bad_body("mode", f"mode must be All or Selective, not {shown(request.mode)}")
    given = request.items or []
    if len(given) > MOST_EXPORTED:
        raise bad_body("items", f"items has {len(given)} entries, {MOST_EXPORTED} are allowed")
    ids = [canonical_uuid(item.id, f"items[{index}].id") for index, item in enumerate(given)]
    if request.mode == "All":
        return []
    if not ids:
        raise bad_body("items", "items is needed where mode is Selective")
    return list(dict.fromkeys(ids))


def _check_definition(definition: wire.ItemDefinition) -> None:
    if isinstance(definition.format, str):
        check_name(definition.format, "definition.format")
    if not definition.parts:
        raise bad_body("definition.parts", "definition.parts is empty")
    seen: set[str] = set()
    for index, part in enumerate(definition.parts):
        field = f"definition.parts[{index}]"
        _check_path(part.path, f"{field}.path")
        if part.path in seen:
            raise bad_body(f"{field}.path", f"{field}.path: {shown(part.path)} is given twice")
        seen.add(part.path)
        if part.payload_type != INLINE:
            raise bad_body(
                f"{field}.payloadType",
                f"{field}.payloadType must be {INLINE}, not {shown(part.payload_type)}",
            )
        _check_base64(part.payload, f"{field}.payload")


def _check_path(path: str, field: str) -> None:
    """A workload may keep the parts as files: no path leads out of where it keeps them."""
    if not path.strip() or any(unicodedata.category(character) in LINE_BREAKERS for character in path):
        raise bad_body(field, f"{field} must be a path, not {shown(path)}")
    check_length(path, field, LONGEST_PATH)
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise bad_body(field, f"{field} must stay below the item, as {shown(path)} does not")


def _check_base64(payload: str, field: str) -> None:
    try:
        b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise CorruptedPayload(field, payload) from None
