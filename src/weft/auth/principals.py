"""Whom roles can be given to on this server: its users and its apps."""

from __future__ import annotations

import logging

from weft.auth.apps import Apps
from weft.auth.errors import DataRefused
from weft.auth.users import Users
from weft.catalog.principals import KnownPrincipal, PrincipalKind

log = logging.getLogger(__name__)


class RegisteredPrincipals:
    """Users and apps are those of the home *tenant*: nobody is known of any other.

    Implements catalog.principals.Principals. A file that cannot be read knows nobody.
    """

    def __init__(self, users: Users, apps: Apps, tenant: str) -> None:
        self._users = users
        self._apps = apps
        self._tenant = tenant

    def find(self, tenant: str, id: str) -> KnownPrincipal | None:
        if tenant != self._tenant:
            return None
        try:
            return self._user(id) or self._app(id)
        except DataRefused as refused:
            log.warning("registered users and apps are not known", extra={"reason": str(refused)})
            return None

    def _user(self, id: str) -> KnownPrincipal | None:
        user = self._users.find(id)
        if user is None:
            return None
        return KnownPrincipal(id=id, name=user.name, kind=PrincipalKind.USER, upn=user.upn)

    def _app(self, id: str) -> KnownPrincipal | None:
        app = self._apps.of_object(id)
        if app is None:
            return None
        return KnownPrincipal(id=id, name=app.name, kind=PrincipalKind.APP, app_id=app.client_id)
