"""What can be expected to go wrong with workspaces, items and what their jobs are given."""

from weft.catalog.model import Role
from weft.engine.jobs import JobError


class CatalogError(Exception):
    """The root of the expected errors of the catalog."""


class WorkspaceNotFound(CatalogError):
    """No such workspace, or none that the caller may know of: the two are answered alike."""

    def __init__(self, workspace: str) -> None:
        super().__init__(f"no workspace {workspace!r}")
        self.workspace = workspace


class ItemNotFound(CatalogError):
    def __init__(self, workspace: str, item: str) -> None:
        super().__init__(f"no item {item!r} in workspace {workspace!r}")
        self.workspace = workspace
        self.item = item


class NameTaken(CatalogError):
    """Another workspace of the tenant, or another item of the type in the workspace, has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the name {name!r} is taken")
        self.name = name


class FolderNotFound(CatalogError):
    """No such folder in the workspace."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"no folder {folder!r}")
        self.folder = folder


class FolderNameTaken(NameTaken):
    """Another folder at the same place has the name."""


class FolderNotEmpty(CatalogError):
    def __init__(self, folder: str) -> None:
        super().__init__(f"folder {folder!r} holds items or folders")
        self.folder = folder


class FolderTooDeep(CatalogError):
    """A folder in *parent* would lie, or hold others, more than *deepest* levels below the workspace."""

    def __init__(self, parent: str, deepest: int) -> None:
        super().__init__(f"folder {parent!r}: there are at most {deepest} levels of folders")
        self.parent = parent
        self.deepest = deepest


class FolderLoop(CatalogError):
    """A folder cannot be moved into itself, or into one that lies below it."""

    def __init__(self, folder: str, target: str) -> None:
        super().__init__(f"folder {folder!r} cannot be moved into {target!r}, which lies below it")
        self.folder = folder
        self.target = target


class CapacityNotFound(CatalogError):
    def __init__(self, capacity: str) -> None:
        super().__init__(f"no capacity {capacity!r}")
        self.capacity = capacity


class OperationNotFound(CatalogError):
    """No such long-running operation, or one of somebody else."""

    def __init__(self, operation: str) -> None:
        super().__init__(f"no operation {operation!r}")
        self.operation = operation


class OperationHasNoResult(CatalogError):
    pass


class ExportTooLarge(CatalogError):
    def __init__(self, bytes: int, most_bytes: int) -> None:
        super().__init__(f"the definitions have {bytes} bytes, {most_bytes} are exported at once")
        self.bytes = bytes
        self.most_bytes = most_bytes


class RoleTooLow(CatalogError):
    def __init__(self, needed: Role) -> None:
        super().__init__(f"needs the role {needed.name.title()} in the workspace")
        self.needed = needed


class PrincipalNotFound(CatalogError):
    """No user and no app that is known has the object id *principal*."""

    def __init__(self, workspace: str, principal: str) -> None:
        super().__init__(f"no principal {principal!r}")
        self.workspace = workspace
        self.principal = principal


class RoleNotFound(CatalogError):
    """The principal has no role in the workspace."""

    def __init__(self, workspace: str, principal: str) -> None:
        super().__init__(f"the principal {principal!r} has no role in workspace {workspace!r}")
        self.workspace = workspace
        self.principal = principal


class AlreadyHasRole(CatalogError):
    def __init__(self, workspace: str, principal: str) -> None:
        super().__init__(f"the principal {principal!r} has a role in workspace {workspace!r}")
        self.workspace = workspace
        self.principal = principal


class LastAdmin(CatalogError):
    """The role cannot be lowered or taken: nobody else is Admin of the workspace."""

    def __init__(self, workspace: str, principal: str) -> None:
        super().__init__(f"the principal {principal!r} is the last Admin of workspace {workspace!r}")
        self.workspace = workspace
        self.principal = principal


class ItemRefused(CatalogError):
    """The workload that owns the item's type refused what was asked, or could not be reached.

    *status*: what it answered, None where no answer came. *body*: its answer as it came, bounded.
    """

    def __init__(self, error: JobError, *, status: int | None = None, body: bytes = b"") -> None:
        super().__init__(error.message)
        self.error = error
        self.status = status
        self.body = body


class PayloadInvalid(CatalogError):
    """What came with a job is not what its function takes.

    *field* is the member as a path, such as `creationPayload.folds`; *message* says what is wrong with it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class WebhookNotFound(CatalogError):
    def __init__(self, webhook: str) -> None:
        super().__init__(f"no webhook {webhook!r}")
        self.webhook = webhook


class TooManyWebhooks(CatalogError):
    def __init__(self, most: int) -> None:
        super().__init__(f"a workspace has at most {most} webhooks")
        self.most = most
