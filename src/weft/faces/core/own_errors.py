"""The errors that only the Core face knows."""

from __future__ import annotations

from weft.engine.jobs import Job


class CoreError(Exception):
    """The root of the errors that only this face knows."""


class InvalidItemType(CoreError):
    def __init__(self, item_type: str) -> None:
        super().__init__(item_type)
        self.item_type = item_type


class InvalidJobType(CoreError):
    def __init__(self, item_type: str, job_type: str) -> None:
        super().__init__(job_type)
        self.item_type = item_type
        self.job_type = job_type


class ClockNotMovable(CoreError):
    """The server's clock is that of the machine."""


class KeyReused(CoreError):
    """A key that made one run repeatable came with another request. *header* named the *key*."""

    def __init__(self, header: str, key: str, known: Job) -> None:
        super().__init__(key)
        self.header = header
        self.key = key
        self.known = known


class JobNotCompleted(CoreError):
    """What has not ended cannot be run again."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.key.id)
        self.job = job


class ParametersNotAllowed(CoreError):
    pass


class InvalidFolderName(CoreError):
    """*why* says which rule the *name* breaks."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name)
        self.name = name
        self.why = why


class InvalidRole(CoreError):
    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.role = role


class CorruptedPayload(CoreError):
    """*field*: where a payload is not the Base64 that it should be."""

    def __init__(self, field: str, payload: str) -> None:
        super().__init__(field)
        self.field = field
        self.payload = payload


class DefinitionNotConvertible(CoreError):
    """*part*, which is kept in another format than *format*, is not what its name says. *why* is a clause."""

    def __init__(self, part: str, format: str, why: str) -> None:
        super().__init__(part)
        self.part = part
        self.format = format
        self.why = why


class WorkspaceNameTaken(CoreError):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class RoleNotAllowedForProfile(CoreError):
    """Service principal profiles have no roles here."""

    def __init__(self, workspace: str, principal: str) -> None:
        super().__init__(principal)
        self.workspace = workspace
        self.principal = principal
