"""What can be expected to go wrong with workspaces and items."""


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


class RoleTooLow(CatalogError):
    def __init__(self, needed: str) -> None:
        super().__init__(f"needs the role {needed} in the workspace")
        self.needed = needed
