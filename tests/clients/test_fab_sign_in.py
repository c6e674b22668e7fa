"""The Fabric CLI, unmodified, signs in at weft: with a secret, by its environment, and with ready tokens."""

from __future__ import annotations

from tests.clients.fab import Fab
from tests.clients.house import House, Said


def test_an_app_signs_in_with_the_secret_that_weft_made(house: House, new_fab: Fab) -> None:
    new_fab.keep_secrets_in_a_file()

    said = new_fab.sign_in(house.app.secret)

    assert said == Said(0, "", "")
    status = dict(line.split(": ", 1) for line in new_fab.ok("auth", "status").splitlines())
    assert status["Logged In"] == "True"
    assert (status["App ID"], status["Principal ID"]) == (house.app.client_id, house.app.object_id)
    assert status["Tenant ID"] == house.app.tenant
    assert all(status[f"Token {name}"].startswith("eyJ0") for name in ("Fabric PowerBI", "Storage", "Azure"))


def test_a_wrong_secret_signs_nobody_in(house: House, new_fab: Fab) -> None:
    new_fab.keep_secrets_in_a_file()

    said = new_fab.sign_in("swordfish")

    assert said.code == 1
    assert "Failed to get access token" in said.out
    assert "swordfish" not in house.weft.log()


def test_the_environment_signs_an_app_in(house: House, new_fab: Fab) -> None:
    new_fab.keep_secrets_in_a_file()
    house.new_workspace("of the environment")

    listed = new_fab.ok(
        "ls",
        FAB_SPN_CLIENT_ID=house.app.client_id,
        FAB_SPN_CLIENT_SECRET=house.app.secret,
        FAB_TENANT_ID=house.app.tenant,
    )

    assert "of the environment.Workspace" in listed.splitlines()


def test_ready_tokens_of_a_user_take_the_place_of_a_sign_in(house: House, new_fab: Fab) -> None:
    tokens = {
        "FAB_TOKEN": house.token("powerbi", "ada"),
        "FAB_TOKEN_ONELAKE": house.token("onelake", "ada"),
    }

    made = new_fab.ok("mkdir", "desk.Workspace", "-P", "capacityName=none", **tokens)
    listed = new_fab.ok("ls", **tokens)

    assert "'desk.Workspace' created" in made
    assert listed.splitlines() == ["desk.Workspace"]
    assert [one["displayName"] for one in house.get("/v1/workspaces", user="ada")["value"]] == ["desk"]


def test_a_token_that_weft_did_not_sign_is_refused_by_the_client_itself(house: House, new_fab: Fab) -> None:
    head, claims, signature = house.token("powerbi", "ada").split(".")
    forged = ".".join((head, claims, signature[::-1]))

    said = new_fab("ls", FAB_TOKEN=forged, FAB_TOKEN_ONELAKE=house.token("onelake", "ada"))

    assert said.code == 1
    assert "Failed to decode JWT token" in said.out
