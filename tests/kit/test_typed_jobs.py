"""Jobs with a typed payload, in a process of their own."""

from __future__ import annotations

from tests.runners.support import FakeRun, running
from weft.engine.jobs import Completed, Failed

WORKLOAD = "tests.kit.typed_workload:workload"


async def test_a_function_in_its_process_is_given_an_instance_of_its_class() -> None:
    async with running(workload=WORKLOAD) as runner:
        plain = await runner.run(FakeRun("forecast", {"series": "co2", "folds": 2, "unknown": 1}))
        in_async = await runner.run(FakeRun("asyncForecast", {"series": "nile"}))

    assert plain == Completed(result=b'["Forecast","co2",2,[]]')
    assert in_async == Completed(result=b'"nile"')


async def test_a_payload_that_an_earlier_server_let_in_fails_the_job_with_the_member_at_fault() -> None:
    async with running(workload=WORKLOAD) as runner:
        outcome = await runner.run(FakeRun("forecast", {"series": 1}))

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "InvalidPayload"
    assert outcome.error.message == "creationPayload.series: Expected `str`, got `int`"
    assert outcome.error.parameters == ("creationPayload.series",)
    assert outcome.error.is_permanent
