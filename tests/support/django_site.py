"""A Django site as people build them on SES: `python -m tests.support.django_site SETTINGS` (JSON).

It sends what is posted to /send/ by the mail backend of its settings, and takes
the posts of SNS by the views of django-ses (/ses/events/) and django-anymail
(/anymail/). Prints its URL, then a line for each signal that those views send.
"""

import json
import sys
import threading
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse

_printing = threading.Lock()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_args: Any) -> None:
        return None


def say(**line: Any) -> None:
    with _printing:
        print(json.dumps(line, default=str), flush=True)


def send(request: HttpRequest) -> JsonResponse:
    """Send what the request's JSON describes, as any view of a site does."""
    asked = json.loads(request.body)
    html = asked.pop("html", None)
    tags = asked.pop("tags", None)
    message = EmailMultiAlternatives(**asked)
    if html:
        message.attach_alternative(html, "text/html")
    if tags:
        message.tags = tags
    message.send()
    status = getattr(message, "anymail_status", None)
    return JsonResponse({"message_id": status.message_id if status else message.extra_headers["message_id"]})


def listen_to_django_ses() -> None:
    from django_ses import signals

    for kind in ("send", "delivery", "bounce", "complaint"):
        member = f"{kind}_obj"

        def told(sender: Any, mail_obj: Any, member: str = member, kind: str = kind, **given: Any) -> None:
            say(kind=kind, mail=mail_obj, detail=given[member])

        getattr(signals, f"{kind}_received").connect(told, weak=False)


def listen_to_anymail() -> None:
    from anymail.signals import tracking

    def told(sender: Any, event: Any, esp_name: str, **_: Any) -> None:
        say(
            kind=event.event_type,
            message_id=event.message_id,
            recipient=event.recipient,
            reason=event.reject_reason,
            said=event.mta_response,
            tags=event.tags,
            esp=esp_name,
        )

    tracking.connect(told, weak=False)


def main() -> None:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["anymail"],
        SECRET_KEY="none",
        USE_TZ=True,
        **json.loads(sys.argv[1]),
    )
    django.setup()
    globals()["urlpatterns"] = _urls()
    listen_to_django_ses()
    listen_to_anymail()
    with make_server("127.0.0.1", 0, get_wsgi_application(), _Server, _Quiet) as server:
        say(url=f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()


def _urls() -> list[Any]:
    from django.urls import include, path
    from django_ses.views import SESEventWebhookView

    return [
        path("send/", send),
        path("ses/events/", SESEventWebhookView.as_view()),
        path("anymail/", include("anymail.urls")),
    ]


if __name__ == "__main__":
    main()
