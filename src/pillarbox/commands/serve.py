"""`pillarbox serve`: runs the server until it is told to stop.

Touches signals and standard output. What it prints when the server is ready
is all that a newcomer needs for a first message.
"""

import asyncio
import atexit
import inspect
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from pillarbox.commands.keys import FIRST_REGION
from pillarbox.commands.printing import say, style
from pillarbox.commands.reach import CommandError
from pillarbox.commands.system_errors import in_words, why_not_listening
from pillarbox.edge.smtp_password import smtp_password
from pillarbox.kit import metrics, roles
from pillarbox.operate.snippet import NOT_LOOKED_AT, NOT_SHOWN_AGAIN, boto3_snippet
from pillarbox.settings import Settings, from_process

if TYPE_CHECKING:
    from pillarbox.app.listening import Listening
    from pillarbox.operate.keys import KeyPair
    from pillarbox.operate.users import Login


def serve(
    *,
    data: str | None = None,
    port: int | None = None,
    smtp_port: int | None = None,
    smtps_port: int | None = None,
    return_path_port: int | None = None,
    host: str | None = None,
    dev: Annotated[bool | None, Parameter(negative="")] = None,
    any_sender: Annotated[bool | None, Parameter(negative="")] = None,
    dev_really_send: Annotated[bool | None, Parameter(negative="")] = None,
    public_url: str | None = None,
    database: str | None = None,
    workers: int | None = None,
    roles: str | None = None,
    config: Path | None = None,
    log_json: Annotated[bool | None, Parameter(negative="")] = None,
    log_level: str | None = None,
) -> None:
    """Run the server until it is interrupted.

    Every setting can also stand in the --config file, or in the environment as PILLARBOX_NAME; see docs/settings.md.

    Parameters
    ----------
    data
        The data folder.
    port
        The port of all three faces: AWS APIs, SNS pages and dashboard.
    smtp_port
        The port of SMTP with STARTTLS; 0 for none, -1 for a free one.
    smtps_port
        The port of SMTP with TLS from the first byte; 0 for none, -1 for a free one.
    return_path_port
        The port on which bounces and complaints come back by SMTP; 0 for none, -1 for a free one.
    host
        The address to listen on.
    dev
        Development: any secret will do, identities are verified at once, nothing is enforced; loopback only.
    any_sender
        With --dev: mail may be sent from senders that were never created.
    dev_really_send
        With --dev: mail leaves this machine where the routes say so.
    public_url
        The URL under which others reach this server.
    database
        `sqlite:` (in the data folder) or `postgresql://…`.
    workers
        Processes that answer and deliver beside this one, which then keeps the embedded store; 0 for none.
    roles
        What this server does, of api, smtp, tracking, delivery, events and dashboard, between commas; all by default.
    config
        A settings file (TOML).
    log_json
        Log in JSON, for machines.
    log_level
        debug, info, warning or error.
    """
    flags = dict(locals())
    _run_or_tell(from_process(flags.pop("config"), **flags))


def _run_or_tell(settings: Settings) -> None:
    if settings.workers:
        _count_together()
    try:
        _run(settings)
    except OSError as error:
        raise CommandError(_why_not(settings, error)) from None


def _count_together() -> None:
    """Let this process and its workers share their metrics, which must be settled before metrics are made."""
    if metrics.FOLDER not in os.environ:
        os.environ[metrics.FOLDER] = tempfile.mkdtemp(prefix="pillarbox-metrics-")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same program again
    atexit.register(shutil.rmtree, os.environ[metrics.FOLDER], ignore_errors=True)


def welcome(listening: "Listening", pair: "KeyPair | None", key_id: str | None, login: "Login | None") -> str:
    """Return what is printed when the server is ready; `pair` and `login` are there at the first start only."""
    settings, public_url = listening.settings, listening.public_url
    lines = ["", f"{style('Pillarbox', 'bold')} is ready{' in DEV MODE' if settings.dev else ''}.", ""]
    if settings.dev:
        lines += [
            "  Dev mode: any secret is accepted, senders are verified as soon as they are created, limits are not",
            f"  enforced, and {_what_leaves(settings)}. Only this machine",
            "  can connect. To leave dev mode, start again without --dev.",
            "",
        ]
    lines += [f"  endpoint    {public_url}"]
    if settings.roles != roles.ALL:
        lines += [f"  roles       {', '.join(settings.roles)}"]
    if "dashboard" in settings.roles or login:
        lines += [f"  dashboard   {public_url}/ui/", *_sign_in(settings, login)]
    lines += _smtp_ports(listening)
    if pair:
        lines += [f"  access key  {pair.key_id}", f"  secret      {pair.secret}   (not shown again)"]
        lines += [f"  password    {smtp_password(pair.secret, FIRST_REGION)}   (for SMTP in {FIRST_REGION})"]
    elif key_id:
        lines += [f"  access key  {key_id}   (another one: pillarbox keys create)"]
    else:
        lines += ["  access key  none is active; make one with: pillarbox keys create"]
    if "api" not in settings.roles:
        return "\n".join([*lines, ""])
    secret = pair.secret if pair else NOT_LOOKED_AT if settings.dev else NOT_SHOWN_AGAIN
    snippet = boto3_snippet(public_url, pair.key_id if pair else key_id or "your access key", secret, dev=settings.dev)
    lines += ["", "  Send a first message with Python (pip install boto3):", "", *snippet.splitlines(), ""]
    return "\n".join(lines)


def _sign_in(settings: Settings, login: "Login | None") -> list[str]:
    if settings.dev:
        return []
    if login is None:
        return ["              sign in as a user (pillarbox users list) or with an access key and its secret"]
    return [f"              sign in as {login.name} with the password {login.password}   (not shown again)"]


def _smtp_ports(listening: "Listening") -> list[str]:
    host = urlsplit(listening.public_url).hostname
    ports = {listening.smtp_port: "STARTTLS", listening.smtps_port: "TLS"}
    told = ", ".join(f"{host}:{port} ({how})" for port, how in ports.items() if port)
    return [f"  smtp        {told}   (the user name is an access key)"] if told else []


def _what_leaves(settings: Settings) -> str:
    if settings.dev_really_send:
        return "MAIL REALLY LEAVES this machine where the routes say so"
    return "no mail leaves this machine: what is sent is kept for you to look at"


def _why_not(settings: Settings, error: OSError) -> str:
    from pillarbox.app.listening import CannotListen

    if isinstance(error, CannotListen):
        has_flag = error.setting in inspect.signature(serve).parameters
        flag = f"--{error.setting.replace('_', '-')}" if has_flag else f"the setting `{error.setting}`"
        return f"cannot listen on {error.address}: {why_not_listening(error, flag)}"
    return f"cannot serve from {settings.folder}: {in_words(error)}"


def _run(settings: Settings) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from pillarbox.app.server import serve as serve_until

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    await serve_until(settings, stop, _announce)


async def _announce(listening: "Listening") -> None:
    from pillarbox.app.listening import settle_memory
    from pillarbox.kit.clock import SystemClock
    from pillarbox.operate import keys, users
    from pillarbox.operate.desk import Desk

    desk = Desk(listening.store, listening.keyring, SystemClock(), listening.public_url, listening.settings.dev)
    pair = await keys.create_first(desk)
    active = [key.key_id for key in await keys.list_all(desk) if key.status == "active"]
    login = None if desk.dev else await users.create_first(desk)
    say(welcome(listening, pair, active[0] if active else None, login))
    settle_memory()
