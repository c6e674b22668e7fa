"""Users and apps as they are known when a role is given to them."""

from __future__ import annotations

from weft.catalog.principals import KnownPrincipal, PrincipalKind


def a_user(id: str) -> KnownPrincipal:
    return KnownPrincipal(id=id, name=f"User {id}", kind=PrincipalKind.USER, upn=f"{id}@weft.local")


def an_app(id: str) -> KnownPrincipal:
    return KnownPrincipal(id=id, name=f"App {id}", kind=PrincipalKind.APP, app_id=f"client of {id}")
