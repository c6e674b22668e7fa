"""`weft token`: what it prints is accepted where it is meant for, and signs nothing that makes no sense."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Weft
from weft.auth.bearer import BearerVerifier
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, CORE_SCOPES, TWINS_AUDIENCES, user_id
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock

TENANT = "11111111-2222-4333-8444-555555555555"


def claims(token: str) -> dict[str, Any]:
    body = token.strip().split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


def test_a_token_is_signed_without_a_server_and_accepted(weft: Weft, tmp_path: Path) -> None:
    data = tmp_path / "data"

    done = weft("token", "--data", str(data))

    verifier = BearerVerifier(Keys.open(data), CORE_AUDIENCES, SystemClock())
    caller = verifier.verify([f"Bearer {done.out.strip()}"])
    assert done.code == 0
    assert (caller.id, caller.name) == (user_id(Home.open(data).tenant, "admin"), "admin")
    assert caller.scopes == frozenset(CORE_SCOPES)


def test_user_tenant_scopes_and_life_are_as_asked_for(weft: Weft) -> None:
    done = weft(
        "token", "--user", "eva", "--tenant", TENANT.upper(), "--scope", "Item.Read.All", "--scope", "X",
        "--expires-in", "60",
    )  # fmt: skip

    said = claims(done.out)
    assert (said["name"], said["tid"], said["scp"]) == ("eva", TENANT, "Item.Read.All X")
    assert said["exp"] - said["iat"] == 60


def test_a_token_of_an_app_has_no_scopes(weft: Weft) -> None:
    said = claims(weft("token", "--app", "--user", "robot").out)

    assert said["idtyp"] == "app"
    assert "scp" not in said


def test_a_token_for_twins_has_their_audience(weft: Weft) -> None:
    assert claims(weft("token", "--for", "twins").out)["aud"] == TWINS_AUDIENCES[0]


def test_tokens_for_power_bi_and_onelake_have_their_audiences_and_scopes(weft: Weft) -> None:
    core, files = (claims(weft("token", "--for", whom).out) for whom in ("powerbi", "onelake"))

    assert (core["aud"], set(core["scp"].split())) == (CORE_AUDIENCES[1], set(CORE_SCOPES))
    assert (files["aud"], files["scp"]) == ("https://storage.azure.com", "user_impersonation")
    assert core["oid"] == files["oid"]


def test_headers_for_core_are_one_whole_line(weft: Weft) -> None:
    lines = weft("token", "--headers").out.splitlines()

    assert len(lines) == 1
    assert lines[0].startswith("Authorization: Bearer ey")


def test_headers_for_a_workload_are_all_it_needs(weft: Weft, served: Path) -> None:
    lines = weft("token", "--for", "workload", "--headers").out.splitlines()

    headers = dict(line.split(": ", 1) for line in lines)
    assert list(headers) == ["Authorization", "x-ms-client-tenant-id", "ActivityId", "RequestId"]
    assert headers["Authorization"].startswith('SubjectAndAppToken1.0 subjectToken="ey')
    assert headers["x-ms-client-tenant-id"] == Home.open(served).tenant


def test_a_token_for_a_workload_is_the_whole_value_for_the_workload_named(weft: Weft, served: Path) -> None:
    value = weft("token", "--for", "workload", "--workload", "Contoso.Other").out.strip()

    subject = value.split('subjectToken="')[1].split('"')[0]
    assert value.startswith("SubjectAndAppToken1.0 ")
    assert claims(subject)["aud"] == f"api://localdevinstance/{Home.open(served).tenant}/Contoso.Other"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--expires-in", "0"), "--expires-in"),
        (("--expires-in", "-5"), "--expires-in"),
        (("--expires-in", "1.5"), "--expires-in"),
        (("--expires-in", "99999999999"), "--expires-in"),
        (("--tenant", "mine"), "--tenant"),
        (("--tenant", "{" + TENANT + "}"), "--tenant"),
        (("--for", "nobody"), "--for"),
        (("--app", "--scope", "X"), "--scope"),
        (("--for", "workload", "--app"), "--app"),
        (("--for", "workload", "--scope", "X"), "--scope"),
        (("extra",), "extra"),
    ],
)
def test_what_makes_no_sense_exits_with_2_and_prints_no_token(
    weft: Weft, arguments: tuple[str, ...], named: str
) -> None:
    done = weft("token", *arguments)

    assert (done.code, done.out) == (2, "")
    assert named in done.err


def test_a_data_directory_that_others_may_read_signs_nothing(weft: Weft, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    done = weft("token", "--data", str(tmp_path))

    assert (done.code, done.out) == (1, "")
    assert "chmod" in done.err
