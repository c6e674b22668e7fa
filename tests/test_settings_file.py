"""What a settings file and the environment may say, and the one line that tells what they may not."""

from __future__ import annotations

import ast
import inspect
import os
import textwrap
from dataclasses import fields
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from weft.settings import (
    CallerSettings,
    Limits,
    Pace,
    Profile,
    Rates,
    RunnerSettings,
    ScheduleSettings,
    Settings,
    WebhookSettings,
)
from weft.settings_file import FILE_BYTES, FILE_NAME, TABLES, SettingsRefused, configured

EVERY_CALLER_SETTING = """
[caller]
call_timeout = "10s"
create_attempts = 2
backoff_first = "500ms"
backoff_most = 90
dead_letter_after = "1h"
outcome_unknown_after = "30m"
longest_run = "2d"
contract_faults = 4
missing_reads = 5
missing_for = 0
slots = 7
lifecycle_timeout = 12.5
tenant_region = "West Europe"
workspace_region = "North Europe"
resolved_hosts = ["be.contoso.com", "*.contoso.net"]
"""


def read(directory: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    directory.joinpath(FILE_NAME).write_text(text)
    return configured(Settings(data=directory), environ=environ or {})


def refused(directory: Path, text: str) -> str:
    with pytest.raises(SettingsRefused) as refusal:
        read(directory, text)
    line = str(refusal.value)
    assert line.startswith(f"{directory / FILE_NAME}: ")
    assert "\n" not in line
    return line.removeprefix(f"{directory / FILE_NAME}: ")


def test_without_a_file_and_variables_everything_stays_as_it_is(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)

    assert configured(settings, environ={}) == settings


def test_every_setting_of_the_caller_can_be_set(tmp_path: Path) -> None:
    caller = read(tmp_path, EVERY_CALLER_SETTING).caller

    assert caller == CallerSettings(
        call_timeout=timedelta(seconds=10),
        create_attempts=2,
        backoff_first=timedelta(seconds=0.5),
        backoff_most=timedelta(seconds=90),
        dead_letter_after=timedelta(hours=1),
        outcome_unknown_after=timedelta(minutes=30),
        longest_run=timedelta(days=2),
        contract_faults=4,
        missing_reads=5,
        missing_for=timedelta(),
        slots=7,
        lifecycle_timeout=timedelta(seconds=12.5),
        tenant_region="West Europe",
        workspace_region="North Europe",
        resolved_hosts=("be.contoso.com", "*.contoso.net"),
    )
    default = CallerSettings()
    unchanged = [
        field.name for field in fields(caller) if getattr(caller, field.name) == getattr(default, field.name)
    ]
    assert unchanged == []


def test_every_setting_of_the_caller_says_what_it_means() -> None:
    (source,) = ast.parse(textwrap.dedent(inspect.getsource(CallerSettings))).body
    assert isinstance(source, ast.ClassDef)
    named = [node for node in source.body if isinstance(node, ast.AnnAssign)]
    explained = [
        node.target.id
        for node, after in pairwise(source.body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    ]

    assert explained == [field.name for field in fields(CallerSettings)]
    assert len(named) == len(explained)


def test_the_other_tables_set_the_other_parts(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        [server]
        shutdown_grace = 0
        retention = "7d"
        [runner]
        processes = 3
        [limits]
        body_bytes = 2048
        header_seconds = 2
        [pace]
        poll = "5s"
        keeps_finished_per_item = "all"
        [twins]
        keeps_jobs = "1d"
        """,
    )

    assert (settings.shutdown_grace, settings.retention) == (timedelta(), timedelta(days=7))
    assert settings.runner == RunnerSettings(processes=3)
    assert settings.limits == Limits(body_bytes=2048, header_seconds=2.0)
    assert settings.twins.keeps_jobs == timedelta(days=1)
    assert settings.pace == Pace(
        poll=timedelta(seconds=5), retry_after_seconds=1, keeps_finished_per_item=None
    )


def test_the_scheduler_is_set_by_its_tables(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        [server]
        builtin = false
        [schedules]
        misfire_grace = "1m"
        catch_up = 0
        most_per_item = 5
        [rates]
        runs = 7
        waits = 0
        [webhooks]
        hosts = ["ci.contoso.com"]
        attempts = 3
        timeout = 2
        [mapped]
        DataPipeline = "Contoso.Sales.Forecast/calculate"
        "Contoso.Old.Type" = "Contoso.Sales.Forecast"
        """,
    )

    assert not settings.has_builtin
    assert settings.schedules == ScheduleSettings(
        misfire_grace=timedelta(minutes=1), catch_up=0, most_per_item=5
    )
    assert settings.rates == Rates(runs=7, waits=0)
    assert settings.webhooks == WebhookSettings(
        hosts=("ci.contoso.com",), attempts=3, timeout=timedelta(seconds=2)
    )
    assert settings.mapped == {
        "DataPipeline": "Contoso.Sales.Forecast/calculate",
        "Contoso.Old.Type": "Contoso.Sales.Forecast",
    }


def test_rates_begin_with_those_of_the_profile(tmp_path: Path) -> None:
    tmp_path.joinpath(FILE_NAME).write_text("[rates]\njobs = 10")

    rates = configured(Settings(data=tmp_path, profile=Profile.SERVICE), environ={}).rates

    assert rates == Rates(requests=200, jobs=10, operations=200, runs=50)


def test_a_pace_begins_with_that_of_the_profile(tmp_path: Path) -> None:
    tmp_path.joinpath(FILE_NAME).write_text("[pace]\npoll = 5")

    pace = configured(Settings(data=tmp_path, profile=Profile.SERVICE), environ={}).pace

    assert pace == Pace(poll=timedelta(seconds=5), retry_after_seconds=60, keeps_finished_per_item=100)


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    environ = {
        "WEFT_CALLER_CALL_TIMEOUT": "45",
        "WEFT_CALLER_SLOTS": "9",
        "WEFT_CALLER_RESOLVED_HOSTS": "a.example, *.b.example",
        "WEFT_PACE_KEEPS_FINISHED_PER_ITEM": "all",
        "WEFT_CALLER_BACKOFF_MOST": "",
        "WEFT_SERVER_BUILTIN": "True",
        "WEFT_RATES_RUNS": "0",
        "WEFT_URL": "http://127.0.0.1",
        "WEFT_CALLER": "?",
        "PATH": "/bin",
    }

    settings = read(tmp_path, "[caller]\ncall_timeout = 10\nbackoff_most = 20", environ)

    caller = settings.caller
    assert (caller.call_timeout, caller.slots) == (timedelta(seconds=45), 9)
    assert caller.backoff_most == timedelta(seconds=20)
    assert caller.resolved_hosts == ("a.example", "*.b.example")
    assert settings.pace.keeps_finished_per_item is None
    assert (settings.builtin, settings.rates.runs) == (True, 0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[caller]\ncall_timout = 3", "no such key caller.call_timout; did you mean call_timeout?"),
        ("[calller]\nslots = 3", "no such table [calller]; did you mean [caller]?"),
        ("slots = 3", "'slots' stands in no table; there are [caller], "),
        ("[caller]\nslots = 0", "caller.slots = 0: must be a whole number from 1 to 100000"),
        ("[caller]\nslots = 1.5", "caller.slots = 1.5: must be a whole number"),
        ("[caller]\nslots = true", "caller.slots = True: must be a whole number"),
        ("[caller]\nslots = '7'", "caller.slots = '7': must be a whole number"),
        ("[caller]\ncall_timeout = 'soon'", "caller.call_timeout = 'soon': must be a duration: seconds, or"),
        ("[caller]\ncall_timeout = '30'", "caller.call_timeout = '30': must be a duration"),
        ("[caller]\ncall_timeout = '30 s s'", "caller.call_timeout = '30 s s': must be a duration"),
        ("[caller]\ncall_timeout = true", "caller.call_timeout = True: must be a duration"),
        ("[caller]\ncall_timeout = nan", "caller.call_timeout = nan: must be a duration"),
        ("[caller]\ncall_timeout = inf", "caller.call_timeout = inf: must be a duration"),
        ("[caller]\ncall_timeout = 0", "caller.call_timeout = 0: must be from 1ms to 3650d"),
        ("[caller]\ncall_timeout = -1", "caller.call_timeout = -1: must be from 1ms to 3650d"),
        ("[caller]\ncall_timeout = '99999d'", "caller.call_timeout = '99999d': must be from 1ms to 3650d"),
        ("[caller]\ncall_timeout = 1" + "0" * 400, "caller.call_timeout = 1000000"),
        ("[caller]\ncall_timeout = 0x1" + "0" * 5000, "caller.call_timeout = a long number: must be from"),
        ("[caller]\nslots = 0x1" + "0" * 5000, "caller.slots = a long number: must be a whole number"),
        ("[caller]\nslots = 1" + "0" * 5000, "holds a number that is too long"),
        ("[caller]\nmissing_for = -1", "caller.missing_for = -1: must be from 0 to 3650d"),
        ("[caller]\ntenant_region = ''", "caller.tenant_region = '': must be text of 1 to 100"),
        ("[caller]\ntenant_region = 7", "caller.tenant_region = 7: must be text"),
        (
            "[caller]\nresolved_hosts = 'a.example'",
            "caller.resolved_hosts = 'a.example': must be a list of hosts",
        ),
        ("[caller]\nresolved_hosts = ['http://a']", "caller.resolved_hosts = ['http://a']: must be a list"),
        ("[caller]\nresolved_hosts = ['a:80']", "caller.resolved_hosts = ['a:80']: must be a list"),
        ("[caller]\nresolved_hosts = ['*']", "caller.resolved_hosts = ['*']: must be a list"),
        ("[caller]\nbackoff_first = 70", "caller.backoff_first = 70: must be such that"),
        ("[caller]\nbackoff_most = '10ms'", "caller.backoff_most = '10ms': must be such that"),
        ("[pace]\nkeeps_finished_per_item = 'none'", "pace.keeps_finished_per_item = 'none': must be"),
        ("[twins]\nblobs = 3", "no such key twins.blobs; there are keeps_jobs"),
        ("[server]\nbuiltin = 1", "server.builtin = 1: must be true or false"),
        ("[server]\nbuiltin = 'true'", "server.builtin = 'true': must be true or false"),
        ("[rates]\njobs = -1", "rates.jobs = -1: must be a whole number from 0 to"),
        ("[rates]\njob = 1", "no such key rates.job; did you mean jobs?"),
        (
            "[schedules]\nmost_per_item = 0",
            "schedules.most_per_item = 0: must be a whole number from 1 to 1000",
        ),
        ("[schedules]\ncatch_up = 1001", "schedules.catch_up = 1001: must be a whole number from 0 to 1000"),
        ("[schedules]\nmisfire_grace = 0", "schedules.misfire_grace = 0: must be from 1ms"),
        ("[webhooks]\nattempts = 101", "webhooks.attempts = 101: must be a whole number from 1 to 100"),
        ("[webhooks]\nhosts = ['https://a']", "webhooks.hosts = ['https://a']: must be a list of hosts"),
        ("[mapped]\n'Data Pipeline' = 'a/b'", "mapped names no item type: 'Data Pipeline'"),
        ("[mapped]\n'' = 'a/b'", "mapped names no item type: ''"),
        (
            "[mapped]\nDataPipeline = 3",
            "mapped.DataPipeline = 3: must be an item type, or one of its job types",
        ),
        ("[mapped]\nDataPipeline = 'a/b/c'", "mapped.DataPipeline = 'a/b/c': must be an item type"),
        ("[mapped]\nDataPipeline = '/b'", "mapped.DataPipeline = '/b': must be an item type"),
        ("[mapped]\na.b = 'a/b'", "mapped.a = {'b': 'a/b'}: must be an item type"),
        ("[maped]\na = 'a/b'", "no such table [maped]; did you mean [mapped]?"),
        ("[caller", "is not TOML: Expected ']'"),
        ("[caller]\nslots = 1\nslots = 2", "is not TOML: Cannot overwrite a value"),
        ("#" * (FILE_BYTES + 1), f"larger than {FILE_BYTES} bytes"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    assert refused(tmp_path, text).startswith(line)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "WEFT_CALLER_CALL_TIMOUT",
            "3",
            "WEFT_CALLER_CALL_TIMOUT: no such setting; did you mean WEFT_CALLER_CALL_TIMEOUT?",
        ),
        ("WEFT_MAPPED_DATAPIPELINE", "a/b", "WEFT_MAPPED_DATAPIPELINE: what is mapped is told in the table"),
        ("WEFT_SERVER_BUILTIN", "yes", "WEFT_SERVER_BUILTIN = 'yes': must be true or false"),
        ("WEFT_CALLER_SLOTS", "many", "WEFT_CALLER_SLOTS = 'many': must be a whole number from 1 to 100000"),
        ("WEFT_CALLER_SLOTS", "-1", "WEFT_CALLER_SLOTS = '-1': must be a whole number from 1 to 100000"),
        ("WEFT_CALLER_SLOTS", "9" * 5000, "WEFT_CALLER_SLOTS = '999"),
    ],
)
def test_variables_that_make_no_sense_are_told_too(tmp_path: Path, name: str, value: str, line: str) -> None:
    with pytest.raises(SettingsRefused) as refusal:
        configured(Settings(data=tmp_path), environ={name: value})

    assert str(refusal.value).startswith(line)
    assert len(str(refusal.value)) < 300


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "other.toml"

    with pytest.raises(SettingsRefused, match=r"other\.toml: no such file"):
        configured(Settings(data=tmp_path), missing, {})


def test_a_file_that_was_named_is_read_in_place_of_the_usual_one(tmp_path: Path) -> None:
    tmp_path.joinpath(FILE_NAME).write_text("[caller]\nslots = 1")
    named = tmp_path / "other.toml"
    named.write_text("[caller]\nslots = 2")

    assert configured(Settings(data=tmp_path), named, {}).caller.slots == 2


@pytest.mark.parametrize("content", [b"\xff", b"x = " + b"[" * 20_000])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    tmp_path.joinpath(FILE_NAME).write_bytes(content)

    with pytest.raises(SettingsRefused, match="is not TOML"):
        configured(Settings(data=tmp_path), environ={})


def test_a_directory_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="cannot be read: Is a directory"):
        configured(Settings(data=tmp_path), tmp_path, {})


def test_every_key_of_every_table_can_be_read(tmp_path: Path) -> None:
    values = {
        "tenant_region": '"x"',
        "workspace_region": '"x"',
        "resolved_hosts": "[]",
        "hosts": "[]",
        "builtin": "true",
    }

    for table, (_, keys) in TABLES.items():
        for key in keys:
            read(tmp_path, f"[{table}]\n{key} = {values.get(key, 2)}")


def test_a_pipe_in_the_files_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "weft.toml")

    with pytest.raises(SettingsRefused, match=r"weft\.toml: a pipe"):
        configured(Settings(data=tmp_path), environ={})
