"""Which delegated scopes an operation asks for, as published with each operation."""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog.model import Principal


class InsufficientScopes(Exception):
    """*needed*: the scopes any one of which would do."""

    def __init__(self, needed: tuple[str, ...]) -> None:
        super().__init__(f"needs one of the scopes {', '.join(needed)}")
        self.needed = needed


@dataclass(frozen=True, slots=True)
class Scopes:
    """Any one of *names* suffices; so does `{ItemType}.` with one of *of_type* for items of that type.

    *also*: what is needed besides. Tokens of apps carry no scopes: their role alone decides.
    """

    names: frozenset[str]
    of_type: tuple[str, ...] = ()
    also: Scopes | None = None

    def check(self, caller: Principal) -> None:
        """Refuse a caller whose scopes suffice for no item at all. Raises InsufficientScopes."""
        if caller.is_app:
            return
        if not self.names & caller.scopes and not any(
            scope.endswith(f".{ending}") for scope in caller.scopes for ending in self.of_type
        ):
            raise self._insufficient()
        if self.also is not None:
            self.also.check(caller)

    def types_for(self, caller: Principal) -> frozenset[str] | None:
        """Return the item types that the caller's scopes reach, None for all."""
        if caller.is_app or self.names & caller.scopes:
            return None
        typed = ((scope, f".{ending}") for scope in caller.scopes for ending in self.of_type)
        return frozenset(scope.removesuffix(ending) for scope, ending in typed if scope.endswith(ending))

    def check_for(self, caller: Principal, item_type: str) -> None:
        """Raises InsufficientScopes where the caller's scopes do not reach items of *item_type*."""
        if caller.is_app:
            return
        if not self.names & caller.scopes and not any(
            f"{item_type}.{ending}" in caller.scopes for ending in self.of_type
        ):
            raise self._insufficient()
        if self.also is not None:
            self.also.check_for(caller, item_type)

    def _insufficient(self) -> InsufficientScopes:
        typed = (f"{{ItemType}}.{ending}" for ending in self.of_type)
        return InsufficientScopes((*sorted(self.names), *typed))


class NoScopes(Scopes):
    """What is open to a person of any scopes: something else decides."""

    def check(self, caller: Principal) -> None:
        return

    def check_for(self, caller: Principal, item_type: str) -> None:
        return


class OnlyDelegated(Scopes):
    """What no app may do, whatever its role."""

    def check(self, caller: Principal) -> None:
        if caller.is_app:
            raise self._insufficient()
        super().check(caller)


READ_WORKSPACES = Scopes(frozenset({"Workspace.Read.All", "Workspace.ReadWrite.All"}))
WRITE_WORKSPACES = Scopes(frozenset({"Workspace.ReadWrite.All"}))
LIST_ITEMS = Scopes(
    frozenset({"Workspace.Read.All", "Workspace.ReadWrite.All", "Item.Read.All", "Item.ReadWrite.All"})
)
READ_CAPACITIES = Scopes(frozenset({"Capacity.Read.All", "Capacity.ReadWrite.All"}))
ASSIGN_CAPACITY = Scopes(frozenset({"Capacity.ReadWrite.All"}), also=WRITE_WORKSPACES)
EXPORT_ITEMS = Scopes(frozenset({"Item.ReadWrite.All"}))
READ_ITEMS = Scopes(frozenset({"Item.Read.All", "Item.ReadWrite.All"}), ("Read.All", "ReadWrite.All"))
WRITE_ITEMS = Scopes(frozenset({"Item.ReadWrite.All"}), ("ReadWrite.All",))
RUN_JOBS = Scopes(frozenset({"Item.Execute.All"}), ("Execute.All",))
SCHEDULE_JOBS = Scopes(RUN_JOBS.names, RUN_JOBS.of_type, also=WRITE_ITEMS)
MOVE_CLOCK = OnlyDelegated(frozenset({"Clock.ReadWrite.All"}))
NONE = NoScopes(frozenset())
