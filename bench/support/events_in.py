"""Takes in posts of SNS for a benchmark: `python -m bench.support.events_in pillarbox|django-ses FOLDER HOST CA_FILE`.

`pillarbox` is a whole server as it is by default, with one upstream. `django-ses` is a Django site with its view and a
signal handler that keeps each event in SQLite, once by the MessageId of SNS, with the durability that Pillarbox has;
it is served by the same HTTP server, in threads. Both fetch the certificate from HOST. Prints its port when it answers.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from pillarbox.app.listening import Listening, settle_memory
from pillarbox.app.server import serve
from pillarbox.settings import EventsSetting, Settings, UpstreamSetting

TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
PATHS = {"pillarbox": "/in/sns/far", "django-ses": "/ses/events/"}


async def pillarbox(folder: Path, host: str, ca_file: str) -> None:
    events = EventsSetting(topics=(TOPIC,), certificate_hosts=(host,))
    upstream = UpstreamSetting(
        name="far", region="us-east-1", account="123456789012", endpoint_url="http://127.0.0.1:1", suppression=False,
        access_key_id="x", secret_access_key="y", ca_file=ca_file, events=events,
    )  # fmt: skip
    settings = Settings(
        data=str(folder),
        port=0,
        smtp_port=0,
        smtps_port=0,
        return_path_port=0,
        log_level="error",
        upstreams=(upstream,),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def announce(listening: Listening) -> None:
        settle_memory()
        print(listening.port, flush=True)

    await serve(settings, stop, announce)


def django_ses(folder: Path, host: str, ca_file: str) -> None:
    os.environ["REQUESTS_CA_BUNDLE"] = ca_file
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="none",
        USE_TZ=True,
        AWS_SNS_EVENT_CERT_TRUSTED_DOMAINS=[host],
        AWS_SNS_EVENT_TRUSTED_TOPIC_ARNS=[TOPIC],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "events.sqlite3"),
                "CONN_MAX_AGE": None,
                "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", "timeout": 20},
            }
        },
    )
    django.setup()
    from django_ses.views import SESEventWebhookView

    globals()["urlpatterns"] = [path("ses/events/", SESEventWebhookView.as_view())]
    _keep_events()
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        get_wsgi_application(),
        loop="uvloop",
        http="httptools",
        interface="wsgi",
        lifespan="off",
        access_log=False,
        log_level="error",
    )
    uvicorn.Server(config).run([listener])


def _keep_events() -> None:
    from django.db import connection
    from django_ses import signals

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE events (sns_id TEXT PRIMARY KEY, kind TEXT, message_id TEXT, happened_at TEXT, event TEXT)"
        )
        cursor.execute("CREATE INDEX events_by_message ON events (message_id)")

    def keep(sender: Any, mail_obj: dict[str, Any], raw_message: bytes, **told: Any) -> None:
        post = json.loads(raw_message)
        kind = next(name for name in told if name.endswith("_obj"))
        at = told[kind].get("timestamp") or mail_obj["timestamp"]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT OR IGNORE INTO events VALUES (%s, %s, %s, %s, %s)",
                [post["MessageId"], kind, mail_obj["messageId"], at, post["Message"]],
            )

    for name in ("send", "delivery", "bounce", "complaint", "open", "click"):
        getattr(signals, f"{name}_received").connect(keep, weak=False)


def main() -> None:
    kind, folder, host, ca_file = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    if kind == "pillarbox":
        uvloop.install()
        asyncio.run(pillarbox(Path(folder), host, ca_file))
    else:
        django_ses(Path(folder), host, ca_file)


if __name__ == "__main__":
    main()
