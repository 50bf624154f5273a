"""Mails a subscriber what a topic tells: confirmations, notifications as text, and as JSON.

Touches the world through a Mailer alone. Called by pubsub/deliver.py. A mail
counts as delivered when it is promised; what becomes of it is told by the road
of all mail.
https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

from typing import Protocol

from pillarbox.kit.errors import Refusal
from pillarbox.pubsub import posts
from pillarbox.pubsub.attempts import Job
from pillarbox.pubsub.http_post import Outcome
from pillarbox.pubsub.retry import Verdict

_NAME = "Notifications"
_CONFIRM = "Notification - Subscription Confirmation"
_NO_SUBJECT = "Notification Message"
_CONFIRMATION = """You have chosen to subscribe to the topic:
{topic}

To confirm this subscription, open the following page. If this was in error, no action is necessary:
{url}

The link works for three days.
"""
_FOOTER = """

--
If you wish to stop receiving notifications from this topic, open the following page to unsubscribe:
{url}

Please do not reply directly to this email.
"""


class Mailer(Protocol):
    """Promises a mail; the same key is mailed once. Raises Refusal for what can never be mailed."""

    async def send(self, *, key: str, region: str, to: str, sender_name: str, subject: str, text: str) -> None: ...


class EmailPoster:
    """Makes one mail of one job."""

    def __init__(self, mailer: Mailer, public_url: str) -> None:
        self._mailer = mailer
        self._public_url = public_url

    async def post(self, job: Job, body: str) -> Outcome:
        """Mail a job; `body` is the JSON document, for whoever wants that."""
        row = job.row
        is_confirmation = job.told.kind != posts.NOTIFICATION
        try:
            await self._mailer.send(
                key=f"{row.notification_id}/{row.subscription}",
                region=row.region,
                to=row.endpoint,
                sender_name=job.topic.attributes.get("DisplayName") or _NAME,
                subject=_CONFIRM if is_confirmation else job.told.subject or _NO_SUBJECT,
                text=body if row.protocol == "email-json" else self._text(job),
            )
        except Refusal as refusal:
            return Outcome(Verdict.CLIENT_ERROR, str(refusal))
        return Outcome(Verdict.DELIVERED, "")

    def _text(self, job: Job) -> str:
        told = job.told
        if told.token:
            url = posts.subscribe_url(self._public_url, told.topic_arn, told.token)
            return _CONFIRMATION.format(topic=told.topic_arn, url=url)
        return told.message + _FOOTER.format(url=posts.unsubscribe_url(self._public_url, told.subscription_arn))
