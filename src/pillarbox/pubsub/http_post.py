"""Posts to a subscriber's URL, and says what its answer means.

Touches the network through kit.net alone. Called by pubsub/deliver.py.
https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

import base64
from typing import NamedTuple

from pillarbox.kit.net import AddressRefused, Answer, Outside, Unreachable
from pillarbox.kit.secrets import Keyring
from pillarbox.pubsub import posts
from pillarbox.pubsub.attempts import Job
from pillarbox.pubsub.retry import Verdict, verdict_on
from pillarbox.pubsub.subscriptions import login_row

_TIMEOUT_SECONDS = 15


class Outcome(NamedTuple):
    """What became of a post."""

    verdict: Verdict
    why: str


class HttpPoster:
    """Makes one post at a time; whatever the far side does is an Outcome."""

    def __init__(self, outside: Outside, keyring: Keyring) -> None:
        self._outside = outside
        self._keyring = keyring

    async def post(self, job: Job, body: str) -> Outcome:
        headers = posts.headers(job.told, raw=job.is_raw, content_type=job.policy.content_type)
        try:
            answer = await self._request(job, headers, body)
            # A password is shown only to who asks for it.
            if answer.status == 401 and job.subscription.sealed_login and _asks_for_password(answer):
                answer = await self._request(job, {**headers, "Authorization": self._login(job)}, body)
        except AddressRefused as refusal:
            return Outcome(Verdict.CLIENT_ERROR, str(refusal))
        except Unreachable as error:
            return Outcome(Verdict.RETRY, str(error))
        return Outcome(verdict_on(answer.status), f"HTTP {answer.status}")

    async def _request(self, job: Job, headers: dict[str, str], body: str) -> Answer:
        return await self._outside.request(
            "POST", job.row.endpoint, headers=headers, body=body.encode(), timeout_seconds=_TIMEOUT_SECONDS
        )

    def _login(self, job: Job) -> str:
        sealed = job.subscription.sealed_login or b""
        login = self._keyring.open(sealed, login_row(job.row.scope, job.row.subscription))
        # https://www.rfc-editor.org/rfc/rfc7617#section-2
        return f"Basic {base64.b64encode(login).decode()}"


def _asks_for_password(answer: Answer) -> bool:
    return answer.headers.get("WWW-Authenticate", "").strip().lower().startswith("basic")
