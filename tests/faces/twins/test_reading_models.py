"""Models, read back."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.faces.twins.reading_house import (
    DEVICE,
    MODELS,
    OFFICE,
    ROOM,
    SPACE,
    THERMOSTAT,
    Reading,
    interface,
)
from tests.faces.twins.serving import HOST


async def ids(house: Reading, target: str) -> list[str]:
    return [model["id"] for model in (await house.get(target))["value"]]


async def test_all_models_are_listed_in_the_order_of_their_arrival(house: Reading) -> None:
    page = await house.get("/models")

    assert [model["id"] for model in page["value"]] == [model["@id"] for model in MODELS]
    assert page["nextLink"] is None
    assert list(page) == ["value", "nextLink"]


async def test_a_model_has_its_names_by_language_and_no_definition_unless_asked(house: Reading) -> None:
    model = await house.get(f"/models/{quote(SPACE)}")

    uploaded = model.pop("uploadTime")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?\+00:00", uploaded)
    assert model == {
        "id": SPACE,
        "description": {"en": "Any space"},
        "displayName": {"en": "Space", "de": "Raum"},
        "decommissioned": False,
    }
    assert list(model) == ["id", "description", "displayName", "decommissioned"]


@pytest.mark.parametrize(
    "id", [quote(SPACE), quote(SPACE, safe=""), SPACE, "dtmi%3acom%3aexample%3aSpace%3b1"]
)
async def test_the_id_in_the_path_may_be_encoded_or_not(house: Reading, id: str) -> None:
    assert (await house.get(f"/models/{id}"))["id"] == SPACE


async def test_a_model_without_names_has_empty_ones_and_plain_text_is_english(house: Reading) -> None:
    assert (await house.get(f"/models/{quote(ROOM)}"))["displayName"] == {}
    assert (await house.get(f"/models/{quote(ROOM)}"))["description"] == {}
    assert (await house.get(f"/models/{quote(THERMOSTAT)}"))["displayName"] == {"en": "Thermostat"}


@pytest.mark.parametrize("yes", ["true", "True", "TRUE"])
async def test_the_definition_comes_as_it_was_given_when_asked(house: Reading, yes: str) -> None:
    model = await house.get(f"/models/{quote(SPACE)}?includeModelDefinition={yes}")
    page = await house.get(f"/models?includeModelDefinition={yes}")

    assert model["model"] == MODELS[2]
    assert [one["model"] for one in page["value"]] == MODELS


async def test_the_definition_is_left_out_when_asked_so(house: Reading) -> None:
    page = await house.get("/models?includeModelDefinition=false")

    assert not any("model" in model for model in page["value"])


async def test_pages_are_as_large_as_asked_and_lead_to_the_end(house: Reading) -> None:
    found: list[str] = []
    target = "/models?includeModelDefinition=true"
    while target:
        page = await house.get(target, headers={"max-items-per-page": "2"}, version="" if found else VERSION)
        assert len(page["value"]) <= 2
        assert all("model" in model for model in page["value"])
        found += [model["id"] for model in page["value"]]
        target = (page["nextLink"] or "").removeprefix(f"http://{HOST}")

    assert found == [model["@id"] for model in MODELS]


VERSION = "api-version=2023-10-31"


async def test_only_a_model_and_what_it_needs_is_listed(house: Reading) -> None:
    assert await ids(house, f"/models?dependenciesFor={quote(DEVICE)}") == [DEVICE]
    assert await ids(house, f"/models?dependenciesFor={quote(THERMOSTAT)}") == [DEVICE, THERMOSTAT]
    assert await ids(house, f"/models?dependenciesFor={quote(OFFICE)}") == [
        DEVICE,
        THERMOSTAT,
        SPACE,
        ROOM,
        OFFICE,
    ]


async def test_dependencies_of_several_models_are_listed_once(house: Reading) -> None:
    target = f"/models?dependenciesFor={quote(SPACE)}&dependenciesFor={quote(THERMOSTAT)}"

    assert await ids(house, target) == [DEVICE, THERMOSTAT, SPACE]


async def test_pages_of_dependencies_keep_what_was_asked(house: Reading) -> None:
    found: list[str] = []
    target = f"/models?dependenciesFor={quote(ROOM)}&dependenciesFor={quote(DEVICE)}"
    while target:
        page = await house.get(target, headers={"max-items-per-page": "1"}, version="" if found else VERSION)
        found += [model["id"] for model in page["value"]]
        target = (page["nextLink"] or "").removeprefix(f"http://{HOST}")

    assert found == [DEVICE, THERMOSTAT, SPACE, ROOM]


async def test_models_that_came_later_are_known(house: Reading) -> None:
    suite = "dtmi:com:example:Suite;1"
    assert len(await ids(house, f"/models?dependenciesFor={quote(ROOM)}")) == 4

    await house.put_models([interface(suite, extends=DEVICE)])

    assert await ids(house, f"/models?dependenciesFor={quote(suite)}") == [DEVICE, suite]


async def test_models_that_are_deleted_are_known_no_more(house: Reading) -> None:
    assert len(await ids(house, f"/models?dependenciesFor={quote(ROOM)}")) == 4

    await house.delete_all()

    assert await ids(house, "/models") == []
    await house.get(f"/models?dependenciesFor={quote(ROOM)}", 404)


async def test_a_token_is_good_for_the_models_that_were_asked_for(small_house: Reading) -> None:
    page = await small_house.get(f"/models?dependenciesFor={quote(ROOM)}")
    token = page["nextLink"].rpartition("continuationToken=")[2]

    await small_house.get(f"/models?dependenciesFor={quote(ROOM)}&continuationToken={token}")
    await small_house.get(f"/models?dependenciesFor={quote(OFFICE)}&continuationToken={token}", 400)
    await small_house.get(f"/models?continuationToken={token}", 400)


@pytest.mark.parametrize(
    "target", [f"/models/{quote('dtmi:com:example:No;1')}", "/models?dependenciesFor=dtmi:com:example:No;1"]
)
async def test_an_unknown_model_is_not_found(house: Reading, target: str) -> None:
    error = (await house.get(target, 404))["error"]

    assert error["code"] == "ModelNotFound"
    assert "dtmi:com:example:No;1" in error["message"]


async def test_ids_are_case_sensitive(house: Reading) -> None:
    await house.get(f"/models/{quote('dtmi:com:example:space;1')}", 404)
