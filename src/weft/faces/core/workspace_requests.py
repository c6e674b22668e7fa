"""What the contract's structs cannot say of requests about workspaces, their folders and their roles."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from weft.catalog.model import Role
from weft.contracts import core as wire
from weft.faces.core import mapping
from weft.faces.core.checks import LINE_BREAKERS, NO_BODY, check_changes, check_length, check_name, folder_id
from weft.faces.core.own_errors import InvalidFolderName
from weft.faces.http import bad_body, canonical_uuid, decode, shown

LONGEST_DESCRIPTION: Final = 4000
LONGEST_FOLDER_NAME: Final = 255
FOLDERS_NEVER_HOLD: Final = frozenset('~"#.%&*:<>?/\\{|}')
RESERVED_FOLDERS: Final = frozenset({"$recycle.bin", "recycled", "recycler"})

PRINCIPALS: Final = ("User", "ServicePrincipal", "Group", "ServicePrincipalProfile")


def workspace_request(raw: bytes) -> wire.CreateWorkspaceRequest:
    """Raises Refused."""
    request = decode(raw, wire.CreateWorkspaceRequest)
    check_name(request.display_name, "displayName")
    check_length(request.description, "description", LONGEST_DESCRIPTION)
    if request.capacity_id is not None:
        request.capacity_id = canonical_uuid(request.capacity_id, "capacityId")
    return request


def workspace_update(raw: bytes) -> wire.UpdateWorkspaceRequest:
    """Raises Refused, also where nothing would change."""
    request = decode(raw, wire.UpdateWorkspaceRequest)
    check_changes(request.display_name, request.description, LONGEST_DESCRIPTION)
    return request


def wanted_capacity(raw: bytes) -> str:
    """Raises Refused."""
    return canonical_uuid(decode(raw, wire.AssignWorkspaceToCapacityRequest).capacity_id, "capacityId")


def new_folder(raw: bytes) -> wire.CreateFolderRequest:
    """Raises Refused, InvalidFolderName."""
    request = decode(raw, wire.CreateFolderRequest)
    _check_folder_name(request.display_name)
    request.parent_folder_id = folder_id(request.parent_folder_id, "parentFolderId")
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
    return folder_id(decode(raw, wire.MoveRequest).target_folder_id, "targetFolderId")


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
        raise bad_body(
            "principal.type",
            f"principal.type must be one of {', '.join(PRINCIPALS)}, not {shown(given.type)}",
        )
    return RoleRequest(canonical_uuid(given.id, "principal.id"), given.type, _role(request.role))


def role_change(raw: bytes) -> Role:
    """Raises Refused."""
    return _role(decode(raw, wire.UpdateWorkspaceRoleAssignmentRequest).role)


def _role(text: str) -> Role:
    found = mapping.role_named(text)
    if found is None:
        raise bad_body("role", f"role must be one of Admin, Member, Contributor, Viewer, not {shown(text)}")
    return found


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
