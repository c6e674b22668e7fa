"""`weft user`: register users, who can be given roles."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from weft.auth.users import RegisteredUser
from weft.cli.options import AsJson, Data, group
from weft.cli.output import print_json, print_table
from weft.cli.registered import registered

app = group("user", "Register users, who can be given roles.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the user, as in weft token --user NAME.")],
    /,
    *,
    upn: str | None = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Register a user; print the object id. Get a token with: weft token --user NAME

    Parameters
    ----------
    upn
        With which name the user signs in, as role assignments show it [NAME@weft.local].
    """
    with registered(data) as known:
        made = known.users.create(name, upn=upn)
    if as_json:
        print_json(_shown(made))
    else:
        print(made.object_id)


@app.command(name="list")
def list_all(*, as_json: AsJson = False, data: Data = None) -> None:
    """List the registered users, and the one that is built in."""
    with registered(data) as known:
        users = known.users.all()
    if as_json:
        print_json([_shown(one) for one in users])
    else:
        print_table(
            ("NAME", "OBJECT ID", "SIGNS IN AS"), [(one.name, one.object_id, one.upn) for one in users]
        )


@app.command
def delete(
    named: Annotated[str, Parameter(name="NAME", help="Name or object id of the user.")],
    /,
    *,
    data: Data = None,
) -> None:
    """Forget a user, who then gets no new role. Take those there are with: weft role take"""
    with registered(data) as known:
        known.users.delete(named)


def _shown(known: RegisteredUser) -> dict[str, Any]:
    return {
        "name": known.name,
        "objectId": known.object_id,
        "userPrincipalName": known.upn,
        "createdAt": known.created_at,
    }
