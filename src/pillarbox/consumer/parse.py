"""From the JSON of one event to its type.

Pure. Called by read.py for each record it finds. Strict about what an event
cannot be without (its kind, its message, its time, whom it is about), lenient
about everything else: what has no name here is kept in `extra`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from pillarbox.consumer.errors import Unreadable
from pillarbox.consumer.events import (
    Bounce,
    BouncedRecipient,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Detail,
    Form,
    Kind,
    Mail,
    Open,
    Reject,
    RenderingFailure,
    Send,
    SesEvent,
    Subscription,
    TopicPreferences,
)
from pillarbox.consumer.times import read_time

Json = Mapping[str, Any]


def parse_event(raw: Json) -> SesEvent:
    """Return the event that a record tells, or raise Unreadable saying what is wrong with it."""
    form = next((form for form in _FORMS if form in raw), None)
    if form is None:
        raise Unreadable("the record has neither eventType nor notificationType")
    told = raw[form]
    kind = _KINDS.get(told) if isinstance(told, str) else None
    if kind is None:
        raise Unreadable(f"{form} {str(told)[:60]!r} is none of the kinds of SES events")
    name, parse = _DETAILS[kind]
    mail = _mail(_Members(raw.get("mail"), "mail"))
    given = raw.get(name)
    # Of these SES tells nothing but the mail itself.
    members = _Members({} if given is None and kind in _MAY_BE_BARE else given, name)
    detail = parse(members)
    happened_at = getattr(detail, "timestamp", mail.timestamp)
    extra = {key: raw[key] for key in raw.keys() - {form, "mail", name}}
    return SesEvent(
        kind=kind, form=form, happened_at=happened_at, mail=mail, detail=detail, raw=raw, extra=extra
    )  # fmt: skip


class _Members:
    """The members of one JSON object; `left` are those that nobody asked for."""

    __slots__ = ("_left", "_name")

    def __init__(self, given: Any, name: str) -> None:
        if not isinstance(given, (dict, Mapping)):
            raise Unreadable(f"{name} is not there, or no JSON object")
        self._left = dict(given)
        self._name = name

    @property
    def left(self) -> dict[str, Any]:
        return self._left

    def text(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.optional(name)
        if value is None:
            raise Unreadable(f"{self._name}.{name} is missing")
        return value

    def optional(self, name: str) -> str | None:
        value: Any = self._left.pop(name, None)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return str(value)
        raise Unreadable(f"{self._name}.{name} is no text")

    def time(self, name: str) -> datetime:
        return read_time(self._left.pop(name, None), f"{self._name}.{name}")

    def optional_time(self, name: str) -> datetime | None:
        return self.time(name) if self._left.get(name) is not None else self._left.pop(name, None)

    def number(self, name: str) -> int:
        value = self._left.pop(name, 0)
        return int(value) if isinstance(value, int | float) else 0

    def flag(self, name: str) -> bool:
        return self._left.pop(name, False) is True

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            raise Unreadable(f"{self._name}.{name} holds something that is no text")
        return tuple(values)

    def items(self, name: str) -> list[Any]:
        value = self._left.pop(name, None)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Unreadable(f"{self._name}.{name} is no list")
        return value

    def objects(self, name: str) -> Iterable["_Members"]:
        return [_Members(item, f"{self._name}.{name}") for item in self.items(name)]

    def object(self, name: str) -> dict[str, Any]:
        value = self._left.pop(name, None)
        return dict(value) if isinstance(value, (dict, Mapping)) else {}


def _mail(members: _Members) -> Mail:
    headers = tuple([_header(one) for one in members.items("headers")])
    return Mail(
        timestamp=members.time("timestamp"),
        message_id=members.text("messageId"),
        source=members.optional("source") or "",
        destination=members.texts("destination"),
        source_arn=members.optional("sourceArn"),
        sending_account_id=members.optional("sendingAccountId"),
        source_ip=members.optional("sourceIp"),
        caller_identity=members.optional("callerIdentity"),
        headers=headers,
        headers_truncated=members.flag("headersTruncated"),
        common_headers=members.object("commonHeaders"),
        tags=_lists(members.object("tags")),
        extra=members.left,
    )


def _header(given: Any) -> tuple[str, str]:
    if isinstance(given, dict) and isinstance(name := given.get("name"), str):
        value = given.get("value")
        if isinstance(value, str):
            return name, value
    one = _Members(given, "mail.headers")
    return one.text("name"), one.optional("value") or ""


def _lists(given: Json) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple([str(one) for one in values]) if isinstance(values, list) else (str(values),)
        for name, values in given.items()
    }


def _send(members: _Members) -> Send:
    return Send(extra=members.left)


def _reject(members: _Members) -> Reject:
    return Reject(reason=members.optional("reason") or "", extra=members.left)


def _delivery(members: _Members) -> Delivery:
    return Delivery(
        timestamp=members.time("timestamp"),
        recipients=members.texts("recipients"),
        smtp_response=members.optional("smtpResponse") or "",
        processing_time_ms=members.number("processingTimeMillis"),
        reporting_mta=members.optional("reportingMTA") or "",
        remote_mta_ip=members.optional("remoteMtaIp"),
        extra=members.left,
    )


def _recipient(members: _Members) -> BouncedRecipient:
    return BouncedRecipient(
        address=members.text("emailAddress"),
        action=members.optional("action"),
        status=members.optional("status"),
        diagnostic_code=members.optional("diagnosticCode"),
        extra=members.left,
    )


def _bounce(members: _Members) -> Bounce:
    return Bounce(
        timestamp=members.time("timestamp"),
        bounce_type=members.text("bounceType"),
        bounce_subtype=members.optional("bounceSubType") or "",
        recipients=tuple(_recipient(one) for one in members.objects("bouncedRecipients")),
        feedback_id=members.optional("feedbackId") or "",
        reporting_mta=members.optional("reportingMTA"),
        remote_mta_ip=members.optional("remoteMtaIp"),
        extra=members.left,
    )


def _complaint(members: _Members) -> Complaint:
    return Complaint(
        timestamp=members.time("timestamp"),
        recipients=tuple(one.text("emailAddress") for one in members.objects("complainedRecipients")),
        feedback_id=members.optional("feedbackId") or "",
        subtype=members.optional("complaintSubType"),
        user_agent=members.optional("userAgent"),
        feedback_type=members.optional("complaintFeedbackType"),
        arrival_date=members.optional_time("arrivalDate"),
        extra=members.left,
    )


def _delay(members: _Members) -> DeliveryDelay:
    return DeliveryDelay(
        timestamp=members.time("timestamp"),
        delay_type=members.optional("delayType") or "Undetermined",
        recipients=tuple(_recipient(one) for one in members.objects("delayedRecipients")),
        expiration_time=members.time("expirationTime"),
        reporting_mta=members.optional("reportingMTA"),
        extra=members.left,
    )


def _open(members: _Members) -> Open:
    return Open(
        timestamp=members.time("timestamp"),
        ip_address=members.optional("ipAddress") or "",
        user_agent=members.optional("userAgent") or "",
        is_bot_event=members.optional("isBotEvent"),
        extra=members.left,
    )


def _click(members: _Members) -> Click:
    given = members.left.pop("linkTags", None)
    return Click(
        timestamp=members.time("timestamp"),
        link=members.optional("link") or "",
        link_tags=_lists(given) if isinstance(given, Mapping) else None,
        ip_address=members.optional("ipAddress") or "",
        user_agent=members.optional("userAgent") or "",
        is_bot_event=members.optional("isBotEvent"),
        extra=members.left,
    )


def _failure(members: _Members) -> RenderingFailure:
    return RenderingFailure(
        template_name=members.optional("templateName") or "",
        error_message=members.optional("errorMessage") or "",
        extra=members.left,
    )


def _subscription(members: _Members) -> Subscription:
    return Subscription(
        timestamp=members.time("timestamp"),
        contact_list=members.optional("contactList") or "",
        source=members.optional("source") or "",
        new_preferences=_preferences(_Members(members.object("newTopicPreferences"), "newTopicPreferences")),
        old_preferences=_preferences(_Members(members.object("oldTopicPreferences"), "oldTopicPreferences")),
        extra=members.left,
    )


def _preferences(members: _Members) -> TopicPreferences:
    told = members.objects("topicSubscriptionStatus")
    return TopicPreferences(
        unsubscribe_all=members.flag("unsubscribeAll"),
        topics={one.text("topicName"): one.text("subscriptionStatus") for one in told},
        extra=members.left,
    )


_DETAILS: Mapping[Kind, tuple[str, Callable[[_Members], Detail]]] = {
    Kind.SEND: ("send", _send),
    Kind.REJECT: ("reject", _reject),
    Kind.DELIVERY: ("delivery", _delivery),
    Kind.BOUNCE: ("bounce", _bounce),
    Kind.COMPLAINT: ("complaint", _complaint),
    Kind.DELIVERY_DELAY: ("deliveryDelay", _delay),
    Kind.OPEN: ("open", _open),
    Kind.CLICK: ("click", _click),
    Kind.RENDERING_FAILURE: ("failure", _failure),
    Kind.SUBSCRIPTION: ("subscription", _subscription),
}
_FORMS = tuple(Form)
_KINDS = {kind.value: kind for kind in Kind}
_MAY_BE_BARE = frozenset({Kind.SEND, Kind.REJECT})
