"""The example of a host that is mounted in FastAPI."""

from __future__ import annotations

from pathlib import Path

from tests.workload_calls import client, headers, instance, until_ended
from weft.examples import forecast, mounted


async def test_a_forecast_runs_behind_an_application_of_ones_own(tmp_path: Path) -> None:
    data = tmp_path / "data"
    app = mounted.app(data=data)
    path = "/workload" + instance(forecast.ITEM_TYPE, forecast.JOB_TYPE)

    async with app.router.lifespan_context(app), client(app) as http:
        sent = headers(data, forecast.workload.name)
        accepted = await http.post(
            path, headers=sent, json={"invokeType": "Manual", "creationPayload": {"noop": True}}
        )
        ended = await until_ended(http, path, sent)
        hello = await http.get("/hello")
        unsigned = await http.get(path)

    assert accepted.status_code == 202
    assert ended["status"] == "Completed"
    assert hello.json() == {"hello": "from the application"}
    assert (unsigned.status_code, unsigned.json()["errorCode"]) == (401, "AuthError")
