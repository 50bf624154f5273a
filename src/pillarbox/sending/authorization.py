"""Who may send in whose name: the scope of the caller's key, and the policies of identities.

Pure. Called by envelope (what is asked) and by the checks of policy (the
answer). An identity's own account needs no policy of it, but obeys one that
denies; another account needs one that allows.
https://docs.aws.amazon.com/ses/latest/dg/sending-authorization-policies.html
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from pillarbox.kit.addresses import Mailbox, parse_mailbox
from pillarbox.kit.clock import Millis, iso
from pillarbox.kit.errors import Denied
from pillarbox.kit.headers import decode_text
from pillarbox.kit.policy import Asked, Decision, Policy, Principal, decide
from pillarbox.kit.wildcards import Context
from pillarbox.resources.sending_authorization import IN_OWN_NAME, Claim, OnBehalf, claim
from pillarbox.sending.draft import Draft, Raw, Templated

SOURCE, AUTHOR, RETURN_PATH = "source", "author", "return_path"


class Spoken(NamedTuple):
    """An address that somebody's name is used by: in which role, and how it is written."""

    role: str
    written: str
    mailbox: Mailbox


class Asking(msgspec.Struct, frozen=True):
    """A send as policies see it. `grants` is the scope of the caller's key; None allows everything."""

    principal: Principal
    action: str
    grants: Policy | None
    claims: tuple[Claim, ...]
    author: Mailbox
    feedback_address: str
    recipients: tuple[str, ...]
    source_ip: str
    region: str
    tenant: str = ""

    def granted(self, arns: Iterable[str], now: Millis) -> bool:
        """Say whether the caller's key is good for one of these identities."""
        return self.grants is None or any(self.decide((self.grants,), arn, now) is Decision.ALLOWED for arn in arns)

    def decide(self, policies: Iterable[Policy], arn: str, now: Millis) -> Decision:
        """Say what policies decide of sending as the identity of that ARN."""
        return decide(policies, Asked(self.principal, self.action, arn, self._context(now)))

    def denial(self, arn: str) -> Denied:
        # The quotation marks are those of the real service.
        return Denied(f"User `{self.principal.arn}' is not authorized to perform `{self.action}' on resource `{arn}'")

    def _context(self, now: Millis) -> Context:
        """Return the keys that conditions may ask for.

        https://docs.aws.amazon.com/ses/latest/dg/sending-authorization-policies.html#sending-authorization-policy-conditions
        """
        name = decode_text(self.author.display_name)
        keys: dict[str, tuple[str, ...]] = {
            "ses:fromaddress": (self.author.address,),
            "ses:feedbackaddress": (self.feedback_address,),
            "ses:recipients": self.recipients,
            "aws:sourceip": (self.source_ip,),
            "aws:currenttime": (iso(now),),
            "aws:epochtime": (str(now // 1000),),
            "aws:requestedregion": (self.region,),
            "aws:username": (self.principal.user_name,),
            "aws:principalarn": (self.principal.arn,),
            "aws:principalaccount": (self.principal.account,),
            "aws:principaltype": ("User",),
        }
        if name:
            keys["ses:fromdisplayname"] = (name,)
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
        if self.tenant:
            keys["ses:tenantname"] = (self.tenant,)
        return keys


def asking(
    draft: Draft, on_behalf: OnBehalf, spoken: Sequence[Spoken], recipients: tuple[str, ...], tenant: str = ""
) -> Asking:
    """Return what a draft asks for; raise Invalid for an ARN that cannot speak for its address."""
    claims: tuple[Claim, ...] = ()
    if on_behalf != IN_OWN_NAME:
        each = (claim(draft.scope, on_behalf, one.role, one.written, one.mailbox.address) for one in spoken)
        claims = tuple(filter(None, each))
    authors = [one for one in spoken if one.role == AUTHOR]
    author = (authors or spoken)[0].mailbox
    feedback = draft.return_path or draft.sender
    return Asking(
        principal=Principal(draft.scope.account, draft.caller_identity),
        action=f"ses:{_action(draft)}",
        grants=draft.grants,
        claims=claims,
        author=author,
        feedback_address=parse_mailbox(feedback).address if feedback else spoken[-1].mailbox.address,
        recipients=recipients,
        source_ip=draft.source_ip,
        region=draft.scope.region,
        tenant=tenant,
    )


def _action(draft: Draft) -> str:
    """Return the operation of v1 that a send amounts to: v2 and SMTP are authorized as it is."""
    if isinstance(draft.content, Raw):
        return "SendRawEmail"
    if isinstance(draft.content, Templated):
        return "SendBulkTemplatedEmail" if "Bulk" in draft.operation else "SendTemplatedEmail"
    return "SendEmail"
