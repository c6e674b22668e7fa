"""Failing a job on purpose."""

import pickle
from typing import Any

import pytest

from weft import ErrorDetail, JobCancelled, JobFailed


def test_a_failure_is_the_users_and_permanent_unless_said_otherwise() -> None:
    failed = JobFailed("Code", "message")

    assert (failed.source, failed.is_permanent, failed.parameters, failed.details) == ("User", True, (), ())
    assert str(failed) == "Code: message"


def test_details_may_be_given_in_our_words_or_the_contracts() -> None:
    ours = {"code": "C", "message": "m", "parameters": ["p"], "extra": {"a": 1}}
    theirs = {
        "errorCode": "C",
        "message": "m",
        "messageParameters": ["p"],
        "additionalParameters": [{"name": "a", "value": "1"}],
    }

    failed = JobFailed("Code", "message", details=[ours, theirs, ErrorDetail("C", "m", ("p",), {"a": "1"})])

    assert failed.details == (ErrorDetail("C", "m", ("p",), {"a": "1"}),) * 3


@pytest.mark.parametrize("detail", [{}, {"code": "C"}, {"message": "m"}, "text", None])
def test_a_detail_without_code_or_message_is_refused(detail: Any) -> None:
    with pytest.raises(TypeError, match="a detail"):
        JobFailed("Code", "message", details=[detail])


def test_a_source_the_contract_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="User, System, External, not 'Me'"):
        JobFailed("Code", "message", source="Me")


def test_a_failure_survives_the_way_out_of_a_process_pool() -> None:
    failed = JobFailed(
        "Code", "message", source="System", is_permanent=False, details=[ErrorDetail("C", "m")]
    )

    again = pickle.loads(pickle.dumps(failed))

    assert vars(again) == vars(failed)


def test_a_cancel_is_not_swallowed_by_except_exception() -> None:
    assert not issubclass(JobCancelled, Exception)
