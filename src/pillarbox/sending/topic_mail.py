"""Mail to people who subscribed to a topic: the service's own, on the road of all mail.

Touches the store. Built by app/, called through pubsub's interface for mailers.
The same key is mailed once, so that whoever does not know whether it was can
ask again.
https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

from pillarbox.kit.addresses import Mailbox, in_ascii
from pillarbox.kit.clock import Clock
from pillarbox.sending.compose import compose_unaddressed
from pillarbox.sending.draft import Simple, Text
from pillarbox.sending.rows import Route
from pillarbox.sending.system_mail import SystemMail, keep, prepare
from pillarbox.store.engine import Store


class TopicMail:
    """Promises one mail to one address; raises Refusal for what is no address, and Unavailable when it is not kept."""

    def __init__(self, store: Store, route: Route, service_domain: str, clock: Clock) -> None:
        self._store = store
        self._route = route
        self._service_domain = service_domain
        self._clock = clock

    async def send(self, *, key: str, region: str, to: str, sender_name: str, subject: str, text: str) -> None:
        sender = Mailbox(sender_name, "no-reply", self._service_domain)
        headers = [
            ("From", in_ascii(str(sender))),
            ("To", in_ascii(to)),
            # https://www.rfc-editor.org/rfc/rfc3834#section-5
            ("Auto-Submitted", "auto-generated"),
        ]
        raw = compose_unaddressed(Simple(Text(subject, "UTF-8"), Text(text, "UTF-8")), headers).raw
        now = self._clock.now()
        mail = SystemMail(f"topic/{key}", region, to, raw)
        await self._store.write(keep, prepare((mail,), self._route, now), now)
