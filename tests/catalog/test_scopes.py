"""What the queues of hosted jobs are called."""

from weft.catalog.scopes import HOSTED, hosted_queue, own_queue
from weft.engine.jobs import RunPolicy


def test_jobs_without_a_limit_share_a_queue_and_those_with_one_have_their_own() -> None:
    limited = RunPolicy(concurrency=2)

    assert hosted_queue("Contoso.Forecast", "Predict", RunPolicy()) == HOSTED
    assert hosted_queue("Contoso.Forecast", "Predict", limited) == "workload/contoso.forecast/predict"
    assert hosted_queue("Contoso.Forecast", "predict", limited) == hosted_queue(
        "contoso.forecast", "PREDICT", limited
    )
    assert hosted_queue("Contoso.Forecast", "Train", limited) == own_queue("contoso.forecast", "train")
