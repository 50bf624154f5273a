"""Feedback by mail: bounces and complaints written to whoever sent the message, and the simulator's replies.

`Forwarding` is the work of the follower `forwarding`: it runs in the
transaction that moves the cursor and promises mail of the service, under keys
made from event ids, so that an event is told once however often it is seen.
https://docs.aws.amazon.com/ses/latest/dg/monitor-sending-activity-using-notifications-email.html
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from pillarbox.destinations.targets import Mail, Targets, mails_of, targets_of
from pillarbox.events.types import Bounce, Complaint, Delivery, Event, Kind
from pillarbox.kit import log, metrics
from pillarbox.kit.addresses import parse_mailbox
from pillarbox.kit.clock import Clock, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import SERVICE_ACCOUNT, message_id_header
from pillarbox.kit.simulated import is_simulated
from pillarbox.sending.accept import Promise
from pillarbox.sending.notice_mail import daemon_address, fields_part, headers_part, notice_mail, text_part
from pillarbox.sending.rows import Route
from pillarbox.sending.system_mail import SystemMail, keep, prepare
from pillarbox.store.plan import Plan

_TOLD = frozenset({Kind.BOUNCE, Kind.COMPLAINT})
_OOTO = "ooto"
_BOUNCE_TEXT = "An error occurred while trying to deliver the mail to the following recipients:\n{who}\n"
_COMPLAINT_TEXT = "This is a complaint about an e-mail message that was received by:\n{who}\n"
_OOTO_TEXT = "This is an automatic reply of the mailbox simulator: the recipient is out of the office.\n"

FORWARDED = metrics.counter(
    "feedback_forwarded_total",
    labels=("kind",),
    doc="Bounces, complaints and simulated automatic replies that were sent on by mail to the sender of the message.",
)


class Forwarding:
    """Sends feedback on by mail where the sender's identity wants that, or is told in no other way."""

    def __init__(self, service_domain: str, route: Route, clock: Clock) -> None:
        self._service_domain = service_domain
        self._route = route
        self._clock = clock
        self._log = log.named("forwarding")

    def __call__(self, events: Sequence[Event]) -> Plan[None]:
        feedback = [event for event in events if event.kind in _TOLD or _out_of_office(event)]
        feedback = [event for event in feedback if event.scope.account != SERVICE_ACCOUNT]
        if not feedback:
            return
        mails = yield from mails_of(feedback)
        targets = yield from targets_of(mails.values(), mails.values())
        now = self._clock.now()
        prepared: list[tuple[str, Promise]] = []
        for event in feedback:
            mail = mails.get(event.message_id)
            if mail is not None and wants_mail(event, mail, targets):
                prepared += self._prepared(event, mail, now)
                FORWARDED.labels(event.kind.value).inc()
        yield from keep(prepared, now)

    def _prepared(self, event: Event, mail: Mail, now: Millis) -> list[tuple[str, Promise]]:
        """Return the mail about an event, or nothing where none can be sent: other events must not wait for it."""
        try:
            to = parse_mailbox(mail.facts.return_path).address
            if is_simulated(to):  # it would only come to nothing, and look like mail that was asked for
                return []
            raw = forwarded(event, mail, to, self._service_domain)
            written = SystemMail(f"forwarded/{event.event_id}", mail.row.region, to, raw)
            return prepare([written], self._route, now)
        except Refusal as reason:
            self._log.error("feedback cannot be sent on", event_id=event.event_id, why=str(reason))
            return []


def wants_mail(event: Event, mail: Mail, targets: Targets) -> bool:
    """Say whether an event goes by mail to the sender of the message.

    Who has switched forwarding off gets mail all the same while nothing else would tell of it.
    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutEmailIdentityFeedbackAttributes.html
    """
    identity = targets.identity_for(mail)
    if identity is None or mail.witnessed:
        return False
    if identity.feedback_forwarding:
        return True
    told = identity.topics.get(event.kind.value) or targets.event_destinations_for(event.kind, mail)
    return event.kind in _TOLD and not told


def forwarded(event: Event, mail: Mail, to: str, service_domain: str) -> bytes:
    """Return the mail that tells `to` of an event."""
    fact = event.fact
    if isinstance(fact, Bounce):
        return _bounce(event, fact, mail, to, service_domain)
    if isinstance(fact, Complaint):
        return _complaint(event, fact, mail, to, service_domain)
    return _automatic_reply(mail, to, service_domain)


def _out_of_office(event: Event) -> bool:
    """Say whether the simulator has taken mail for somebody who is out of the office."""
    fact = event.fact
    if not isinstance(fact, Delivery) or fact.transport != "simulator":
        return False
    return any(one.partition("@")[0].partition("+")[0].lower() == _OOTO for one in fact.recipients)


def _bounce(event: Event, fact: Bounce, mail: Mail, to: str, service_domain: str) -> bytes:
    """Write a report as RFC 3464 has it; the message comes back with its headers alone."""
    mta = (fact.reporting_mta or service_domain).rpartition(";")[2].strip()
    groups = [[("Reporting-MTA", f"dns; {mta}"), ("Arrival-Date", _date(mail.row.accepted_at))]]
    for one in fact.recipients:
        group = [("Final-Recipient", f"rfc822; {one.address}"), ("Action", one.action or "failed")]
        group.append(("Status", one.status or ("5.0.0" if fact.bounce_type == "Permanent" else "4.0.0")))
        if one.diagnostic_code:
            group.append(("Diagnostic-Code", one.diagnostic_code))
        if fact.remote_mta_ip:
            group.append(("Remote-MTA", f"dns; [{fact.remote_mta_ip}]"))
        groups.append([*group, ("Last-Attempt-Date", _date(event.happened_at))])
    who = "\n".join(one.address for one in fact.recipients)
    return notice_mail(
        daemon_address(service_domain),
        to,
        "Delivery Status Notification (Failure)",
        [
            text_part(_BOUNCE_TEXT.format(who=who)),
            fields_part("message/delivery-status", groups),
            headers_part(_headers(mail, service_domain)),
        ],
        report_type="delivery-status",
        fields=[("X-Failed-Recipients", ", ".join(one.address for one in fact.recipients))],
    )


def _complaint(event: Event, fact: Complaint, mail: Mail, to: str, service_domain: str) -> bytes:
    """Write a complaint as RFC 5965 has it."""
    group = [
        ("Feedback-Type", fact.feedback_type or "other"),
        ("User-Agent", fact.user_agent or "Pillarbox"),
        ("Version", "1"),
        ("Original-Mail-From", f"<{to}>"),
        *(("Original-Rcpt-To", f"<{address}>") for address in fact.recipients),
        ("Arrival-Date", _date(fact.arrived_at or event.happened_at)),
    ]
    return notice_mail(
        f"complaints@{service_domain}",
        to,
        f"complaint about message: {mail.row.subject}",
        [
            text_part(_COMPLAINT_TEXT.format(who="\n".join(fact.recipients))),
            fields_part("message/feedback-report", [group]),
            headers_part(_headers(mail, service_domain)),
        ],
        report_type="feedback-report",
    )


def _automatic_reply(mail: Mail, to: str, service_domain: str) -> bytes:
    """Write what a program answers for somebody who is away.

    It comes from us: mail in the name of the simulator's domain would be refused as forged.
    """
    message_id = message_id_header(mail.row.message_id, mail.row.region, service_domain)
    return notice_mail(
        f"Mailbox simulator <no-reply@{service_domain}>",
        to,
        f"Automatic reply: {mail.row.subject}",
        [text_part(_OOTO_TEXT)],
        fields=[("In-Reply-To", message_id), ("References", message_id)],
    )


def _headers(mail: Mail, service_domain: str) -> list[tuple[str, str]]:
    """Return the headers as the message left with them, as far as they are known."""
    ours = {
        "message-id": ("Message-ID", message_id_header(mail.row.message_id, mail.row.region, service_domain)),
        "date": ("Date", _date(mail.row.accepted_at)),
    }
    given = [(name, value) for name, value in mail.facts.headers if name.lower() not in (*ours, "bcc", "return-path")]
    return [*ours.values(), *given]


def _date(at: Millis) -> str:
    return format_datetime(datetime.fromtimestamp(at // 1000, UTC))
