"""All commands by name; what a command needs is imported when it is called."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App, Parameter

app = App(
    name="weft",
    help="A self-hosted job service: Microsoft's job contracts over one durable engine.",
    version=lambda: f"weft {version('weft')}",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)
app.command("weft.cli.up:up", name="up", help="Serve until Ctrl-C or SIGTERM; a second one stops at once.")
app.command("weft.cli.demo:demo", name="demo", help="Run a forecast of real data, and cancel a long one.")
app.command("weft.cli.token:token", name="token", help="Print a token.")
app.command("weft.cli.workspace:app", name="workspace", help="Create and list workspaces.")
app.command("weft.cli.item:app", name="item", help="Create, list, update and delete items.")
app.command("weft.cli.folder:app", name="folder", help="Make folders in a workspace, and move them.")
app.command("weft.cli.job:app", name="job", help="Run jobs, look at them, wait for them, cancel them.")
app.command("weft.cli.schedule:app", name="schedule", help="Let the jobs of an item run by themselves.")
app.command("weft.cli.clock:app", name="clock", help="Move the clock of a local server on, for tests.")
app.command("weft.cli.twins:app", name="twins", help="Import graphs of digital twins, and look at them.")
app.command("weft.cli.workload:app", name="workload", help="Write workloads, check and host them.")
app.command("weft.cli.apps:app", name="app", help="Register apps, which get tokens with a secret.")
app.command("weft.cli.webhook:app", name="webhook", help="Let a service be told of a workspace's jobs.")
app.command("weft.cli.user:app", name="user", help="Register users, who can be given roles.")
app.command("weft.cli.role:app", name="role", help="Say who may do what in a workspace.")
app.command("weft.cli.exec:exec_", name="exec", help="Run a command, behind --, for which weft is Fabric.")
app.command("weft.cli.doctor:doctor", name="doctor", help="Check what a server needs.")
