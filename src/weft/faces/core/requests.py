"""Bodies of requests, checked beyond their types: names, descriptions, definitions, run requests."""

from __future__ import annotations

import binascii
import unicodedata
from base64 import b64decode
from dataclasses import dataclass

import msgspec

from weft.catalog.model import Role
from weft.contracts import core as wire
from weft.faces.core.errors import CorruptedPayload, InvalidFolderName
from weft.faces.core.timetables import as_shown, timetable
from weft.faces.http import Refusal, Refused, canonical_uuid, check_json, decode, shown

LONGEST_NAME = 256
LONGEST_WORKSPACE_DESCRIPTION = 4000
LONGEST_ITEM_DESCRIPTION = 256
LONGEST_PATH = 1024
LONGEST_FOLDER_NAME = 255
PLATFORM = ".platform"
MOST_EXPORTED = 1000
FOLDERS_NEVER_HOLD = frozenset('~"#.%&*:<>?/\\{|}')
RESERVED_FOLDERS = frozenset({"$recycle.bin", "recycled", "recycler"})
INLINE = "InlineBase64"
LINE_BREAKERS = frozenset({"Cc", "Zl", "Zp"})

PRINCIPALS = ("User", "ServicePrincipal", "Group", "ServicePrincipalProfile")
ROLES = {role.name.lower(): role for role in Role}

# What clients send where they mean "no body"; one sends the JSON string "{}" with every call.
NO_BODY = frozenset({b"", b"null", b'"{}"'})


def workspace_request(raw: bytes) -> wire.CreateWorkspaceRequest:
    """Raises Refused."""
    request = decode(raw, wire.CreateWorkspaceRequest)
    _check_name(request.display_name, "displayName")
    _check_length(request.description, "description", LONGEST_WORKSPACE_DESCRIPTION)
    if request.capacity_id is not None:
        request.capacity_id = canonical_uuid(request.capacity_id, "capacityId")
    return request


def workspace_update(raw: bytes) -> wire.UpdateWorkspaceRequest:
    """Raises Refused, also where nothing would change."""
    request = decode(raw, wire.UpdateWorkspaceRequest)
    _check_changes(request.display_name, request.description, LONGEST_WORKSPACE_DESCRIPTION)
    return request


def wanted_capacity(raw: bytes) -> str:
    """Raises Refused."""
    return canonical_uuid(decode(raw, wire.AssignWorkspaceToCapacityRequest).capacity_id, "capacityId")


def new_folder(raw: bytes) -> wire.CreateFolderRequest:
    """Raises Refused, InvalidFolderName."""
    request = decode(raw, wire.CreateFolderRequest)
    _check_folder_name(request.display_name)
    request.parent_folder_id = _folder_id(request.parent_folder_id, "parentFolderId")
    return request


def folder_name(raw: bytes) -> str:
    """Return the new name of a folder. Raises Refused, InvalidFolderName."""
    name = decode(raw, wire.UpdateFolderRequest).display_name
    _check_folder_name(name)
    return name


def target_folder(raw: bytes) -> str | None:
    """Return where to move to; None, also without a body, for the top of the workspace. Raises Refused."""
    if raw.strip() in NO_BODY:
        return None
    return _folder_id(decode(raw, wire.MoveRequest).target_folder_id, "targetFolderId")


def exported_items(raw: bytes) -> list[str]:
    """Return the ids of the items to export; none for all. Raises Refused."""
    request = decode(raw, wire.BulkExportItemDefinitionsRequest)
    if request.mode not in ("All", "Selective"):
        raise _bad_body("mode", f"mode must be All or Selective, not {shown(request.mode)}")
    given = request.items or []
    if len(given) > MOST_EXPORTED:
        raise _bad_body("items", f"items has {len(given)} entries, {MOST_EXPORTED} are allowed")
    ids = [canonical_uuid(item.id, f"items[{index}].id") for index, item in enumerate(given)]
    if request.mode == "All":
        return []
    if not ids:
        raise _bad_body("items", "items is needed where mode is Selective")
    return list(dict.fromkeys(ids))


@dataclass(frozen=True, slots=True)
class RoleRequest:
    """*principal* is an object id, *type* one of PRINCIPALS."""

    principal: str
    type: str
    role: Role


def role_request(raw: bytes) -> RoleRequest:
    """Raises Refused."""
    request = decode(raw, wire.AddWorkspaceRoleAssignmentRequest)
    given = request.principal
    if given.type not in PRINCIPALS:
        raise _bad_body(
            "principal.type",
            f"principal.type must be one of {', '.join(PRINCIPALS)}, not {shown(given.type)}",
        )
    return RoleRequest(canonical_uuid(given.id, "principal.id"), given.type, _role(request.role))


def role_change(raw: bytes) -> Role:
    """Raises Refused."""
    return _role(decode(raw, wire.UpdateWorkspaceRoleAssignmentRequest).role)


def item_request(raw: bytes) -> wire.CreateItemRequest:
    """Raises Refused, CorruptedPayload."""
    return _checked_item(decode(raw, wire.CreateItemRequest))


def typed_item_request(raw: bytes, item_type: str) -> wire.CreateItemRequest:
    """Return what makes an item of *item_type*; another type in the body is refused, for nothing would be it.

    Raises Refused, CorruptedPayload.
    """
    given = decode(raw, wire.CreateTypedItemRequest)
    if given.type is not None and given.type.lower() != item_type.lower():
        raise _bad_body("type", f"type must be {item_type} here, not {shown(given.type)}")
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
    _check_name(request.display_name, "displayName")
    _check_name(request.type, "type")
    _check_length(request.description, "description", LONGEST_ITEM_DESCRIPTION)
    if request.definition is not None:
        _check_definition(request.definition)
    if creation_payload(request) and request.definition is not None:
        raise _bad_body("creationPayload", "creationPayload and definition must not be given both")
    request.folder_id = _folder_id(request.folder_id, "folderId")
    return request


def creation_payload(request: wire.CreateItemRequest) -> bytes:
    """Return the creationPayload as JSON text, or `b""` where there is none. Raises Refused."""
    return _object(request.creation_payload, "creationPayload")


def item_update(raw: bytes) -> wire.UpdateItemRequest:
    """Raises Refused, also where nothing would change."""
    request = decode(raw, wire.UpdateItemRequest)
    _check_changes(request.display_name, request.description, LONGEST_ITEM_DESCRIPTION)
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
            _check_name(metadata.display_name, "displayName")
        _check_length(metadata.description, "description", LONGEST_ITEM_DESCRIPTION)
    except Refused as refused:
        raise _bad_body(field, f"{field}: {PLATFORM}: {refused.message}") from None
    return metadata


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


@dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """*configuration* is as it is shown, *payload* the executionData, `b""` for none: both JSON text."""

    enabled: bool
    configuration: bytes
    payload: bytes


def schedule_request(raw: bytes) -> ScheduleRequest:
    """Raises Refused."""
    request = decode(raw, wire.ScheduleRequest)
    timetable(request.configuration)  # for what it refuses
    sent = msgspec.json.decode(raw, type=_AsSent)
    return ScheduleRequest(
        enabled=request.enabled,
        configuration=as_shown(bytes(sent.configuration)),
        payload=_object(request.execution_data, "executionData"),
    )


class _AsSent(msgspec.Struct):
    configuration: msgspec.Raw


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


def _role(text: str) -> Role:
    """The service takes it in any case, as recorded."""
    found = ROLES.get(text.lower())
    if found is None:
        raise _bad_body("role", f"role must be one of Admin, Member, Contributor, Viewer, not {shown(text)}")
    return found


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


def _check_changes(display_name: str | None, description: str | None, longest: int) -> None:
    """Raises Refused, also where nothing would change."""
    if display_name is None and description is None:
        raise _bad_body("displayName", "displayName or description is needed")
    if display_name is not None:
        _check_name(display_name, "displayName")
    _check_length(description, "description", longest)


def _folder_id(given: str | None, field: str) -> str | None:
    """Return None for the top of the workspace, which fabric-cicd calls "". Raises Refused."""
    return canonical_uuid(given, field) if given else None


def _check_folder_name(name: str) -> None:
    """The rules are those of Learn, "Create folders in workspaces", and what the service refuses besides."""
    if not name.strip():
        raise InvalidFolderName(name, "must not be empty")
    if len(name) > LONGEST_FOLDER_NAME:
        raise InvalidFolderName(name, f"must not have more than {LONGEST_FOLDER_NAME} characters")
    if name != name.strip():
        raise InvalidFolderName(name, "must not begin or end with a space")
    if any(unicodedata.category(character) in LINE_BREAKERS for character in name):
        raise InvalidFolderName(name, "must not hold control characters")
    if not FOLDERS_NEVER_HOLD.isdisjoint(name):
        raise InvalidFolderName(name, f"must hold none of {' '.join(sorted(FOLDERS_NEVER_HOLD))}")
    if name.lower() in RESERVED_FOLDERS:
        raise InvalidFolderName(name, "must not be reserved")


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
