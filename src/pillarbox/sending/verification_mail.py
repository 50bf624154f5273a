"""The mail that asks the owner of an address to confirm it, from the service or in an account's own words.

Touches the store. The service's mail is promised in the transaction that creates
the identity: there is no identity that waits for a mail nobody sent. Built by
app/, called by api/.
https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html#just-verify-email-proc
"""

import re
from collections.abc import Sequence
from html import escape
from typing import Protocol

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope, new_token
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import address_verification, identities
from pillarbox.resources.address_verification import Link, seal
from pillarbox.resources.custom_verification import CustomTemplate
from pillarbox.resources.identities import Identity
from pillarbox.resources.identity_names import checked_address, is_domain
from pillarbox.sending.accept import Promise
from pillarbox.sending.compose import compose_unaddressed
from pillarbox.sending.draft import Simple, Text
from pillarbox.sending.rows import Route
from pillarbox.sending.system_mail import SystemMail, keep, prepare
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

PATH = "/verification/"
_SUBJECT = "Please confirm your e-mail address {address}"
_TEXT = """Hello,

account {account} wants to send e-mail from this address:

    {address}

If you have asked for this, open the following page and confirm it:

{url}

The link works for 24 hours. If you have not asked for this, there is nothing to do:
nobody can send from your address unless you confirm it.
"""
_FOOTER = (
    "If you did not ask for this message, do not open the link: nobody can send e-mail from your address unless you"
    " confirm it. The link works for 24 hours."
)
_END_OF_CONTENT = re.compile(r"</body\s*>|</html\s*>", re.IGNORECASE)


Prepared = Sequence[tuple[str, Promise]]


class Creating(Protocol):
    """The plan that creates an identity, with the options that the caller gave."""

    def __call__(self, scope: Scope, name: str, now: Millis, /) -> Plan[Identity]: ...


class VerificationMail:
    """Creates identities of addresses and asks their owners; where identities are verified at once, nobody is asked."""

    def __init__(
        self, keyring: Keyring, route: Route, *, public_url: str, service_domain: str, verify_at_once: bool
    ) -> None:
        self._keyring = keyring
        self._route = route
        self._public_url = public_url
        self._service_domain = service_domain
        self._verify_at_once = verify_at_once

    async def verify(self, store: Store, scope: Scope, address: str, now: Millis) -> None:
        """Create the identity of an address, or start its verification again, and ask its owner (v1)."""
        await store.write(_verify, scope, address, now, self._verify_at_once, self._prepared(scope, address, now))

    async def create(self, store: Store, creating: Creating, scope: Scope, name: str, now: Millis) -> Identity:
        """Create an identity of either kind by `creating`; the owner of an address is asked (v2)."""
        prepared = () if is_domain(name) else self._prepared(scope, name, now)
        return await store.write(_create, creating, scope, name, now, prepared)

    async def verify_by_template(
        self, store: Store, scope: Scope, address: str, template: CustomTemplate, now: Millis
    ) -> Simple:
        """Create or restart an identity, and return the mail that asks for it, for the account to send."""
        await store.write(_verify, scope, address, now, self._verify_at_once, ())
        return with_link(template, self._url(scope, checked_address(address), now, template.name))

    def _prepared(self, scope: Scope, address: str, now: Millis) -> Prepared:
        """Return the service's mail: made before the plan, which may be run where the keyring is not."""
        if self._verify_at_once:
            return ()
        name = checked_address(address)
        raw = _service_mail(scope, name, self._url(scope, name, now), self._service_domain)
        return tuple(prepare((SystemMail(f"verification/{new_token()}", scope.region, name, raw),), self._route, now))

    def _url(self, scope: Scope, address: str, now: Millis, template: str = "") -> str:
        return f"{self._public_url}{PATH}{seal(Link(*scope, address, now, template), self._keyring)}"


def _verify(scope: Scope, address: str, now: Millis, at_once: bool, prepared: Prepared) -> Plan[None]:
    identity = yield from identities.verify_address(scope, address, now, at_once)
    yield from _ask(scope, identity, now, prepared)


def _create(creating: Creating, scope: Scope, name: str, now: Millis, prepared: Prepared) -> Plan[Identity]:
    identity = yield from creating(scope, name, now)
    if not identity.is_domain:
        yield from _ask(scope, identity, now, prepared)
    return identity


def _ask(scope: Scope, identity: Identity, now: Millis, prepared: Prepared) -> Plan[None]:
    """Wait for the owner from now on; nobody is asked about an address that is verified already."""
    if identity.verified:
        return
    yield from address_verification.wait(scope, identity, now)
    yield from keep(prepared, now)


def with_link(template: CustomTemplate, url: str) -> Simple:
    """Return the template's content with the link, and what every such mail says, after it."""
    added = f'<p><a href="{escape(url)}" ses:no-track>{escape(url)}</a></p>\n<p><small>{_FOOTER}</small></p>\n'
    content = template.content
    end = next(_END_OF_CONTENT.finditer(content), None)
    at = end.start() if end else len(content)
    return Simple(
        subject=Text(template.subject, "UTF-8"),
        html=Text(f"{content[:at]}\n{added}{content[at:]}", "UTF-8"),
    )


def _service_mail(scope: Scope, address: str, url: str, service_domain: str) -> bytes:
    headers = [
        ("From", f"no-reply@{service_domain}"),
        ("To", address),
        # https://www.rfc-editor.org/rfc/rfc3834#section-5
        ("Auto-Submitted", "auto-generated"),
    ]
    text = _TEXT.format(account=scope.account, address=address, url=url)
    simple = Simple(subject=Text(_SUBJECT.format(address=address)), text=Text(text))
    return compose_unaddressed(simple, headers).raw
