"""The page behind the link of a verification mail.

Reads and writes the store. Called by edge/http.py for paths below
`/verification/`. Looking at the page changes nothing, because programs that
look at the links of mail are no owners of addresses; its button does.
"""

import base64
import hashlib
from pathlib import Path
from typing import NamedTuple

import jinja2

from pillarbox.kit import log
from pillarbox.kit.clock import Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import address_verification, custom_verification
from pillarbox.resources.address_verification import Link, LinkState
from pillarbox.resources.custom_verification import CustomTemplate
from pillarbox.sending.verification_mail import PATH
from pillarbox.store import audit
from pillarbox.store.audit import AuditRow
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.wire.request import Response

_STYLE = (
    "body{font:1.05rem/1.5 system-ui,sans-serif;margin:0;padding:8vh 1.2rem}main{max-width:34rem;margin:0 auto}"
    "h1{font-size:1.5rem;line-height:1.25}.address{font-weight:600;overflow-wrap:anywhere}"
    "button{font:inherit;font-weight:600;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#1456b8;"
    "color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #f5a623;outline-offset:2px}.note{opacity:.8}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_LONGEST_LINK = 4_096
_OWNER = "owner of the address"


class _Words(NamedTuple):
    status: int
    title: str
    text: str


_WORDS = {
    LinkState.OPEN: _Words(200, "Confirm your e-mail address", "Account {account} wants to send e-mail from it."),
    LinkState.CONFIRMED: _Words(200, "This address is confirmed", "Account {account} may send e-mail from it."),
    LinkState.EXPIRED: _Words(
        410, "This link has expired", "It worked for 24 hours. Ask account {account} for a new message."
    ),
    LinkState.VOID: _Words(
        410, "This link is not valid any more", "Account {account} has withdrawn its request to send from this address."
    ),
}
_UNKNOWN = _Words(404, "This link is not valid", "Please open the link exactly as it stands in the message.")
_DONE = _Words(200, "Thank you", "The address is confirmed: account {account} may send e-mail from it.")
_BUSY = _Words(503, "Please try again", "The service cannot answer at the moment. Try again in a minute.")


class VerificationPages:
    """Answers those who follow such a link; never raises for what they send."""

    def __init__(self, store: Store, keyring: Keyring, clock: Clock) -> None:
        self._store = store
        self._keyring = keyring
        self._clock = clock
        here = Path(__file__).parent / "templates"
        self._page = jinja2.Environment(
            loader=jinja2.FileSystemLoader(here), autoescape=True, undefined=jinja2.StrictUndefined
        ).get_template("verification.html")
        self._log = log.named("verification")

    async def answer(self, method: str, path: str, source_ip: str) -> Response:
        """Show what a link is about (GET), or do what it is for (POST)."""
        if method not in ("GET", "HEAD", "POST"):
            return Response(405, [("Allow", "GET, HEAD, POST"), ("Content-Type", "text/plain")], b"use GET or POST\n")
        sealed = path.removeprefix(PATH)
        link = address_verification.open_link(sealed, self._keyring) if len(sealed) <= _LONGEST_LINK else None
        if link is None:
            return self._shown(_UNKNOWN)
        try:
            return await (self._confirm(link, source_ip) if method == "POST" else self._look(link))
        except Unavailable as error:
            self._log.error("link not followed", why=str(error))
            return self._shown(_BUSY)

    async def _look(self, link: Link) -> Response:
        state = await self._store.read(address_verification.look, link, self._clock.now())
        template = await self._template_of(link)
        if template and state is not LinkState.OPEN:
            return _led_to(template.success_url if state is LinkState.CONFIRMED else template.failure_url)
        return self._shown(_WORDS[state], link, template, asks=state is LinkState.OPEN)

    async def _confirm(self, link: Link, source_ip: str) -> Response:
        state = await self._store.write(_confirmed, link, source_ip, self._clock.now())
        is_confirmed = state in (LinkState.OPEN, LinkState.CONFIRMED)
        if state is LinkState.OPEN:
            self._log.info("address confirmed", account=link.account, region=link.region, address=link.address)
        if template := await self._template_of(link):
            return _led_to(template.success_url if is_confirmed else template.failure_url)
        return self._shown(_DONE if is_confirmed else _WORDS[state], link)

    async def _template_of(self, link: Link) -> CustomTemplate | None:
        """The account's own template, whose URLs it has stored: a link cannot lead anywhere else."""
        if not link.template:
            return None
        return await self._store.read(custom_verification.get, link.scope, link.template)

    def _shown(
        self, words: _Words, link: Link | None = None, template: CustomTemplate | None = None, *, asks: bool = False
    ) -> Response:
        body = self._page.render(
            title=words.title,
            text=words.text.format(account=link.account if link else ""),
            address=link.address if link else "",
            asks=asks,
            style=_STYLE,
        )
        return Response(words.status, [*_headers(leads_on=template is not None)], body.encode())


def _confirmed(link: Link, source_ip: str, now: Millis) -> Plan[LinkState]:
    """Confirm, and tell a change in the audit log."""
    state = yield from address_verification.confirm(link, now)
    if state is LinkState.OPEN:
        yield from audit.add(AuditRow(now, *link.scope, _OWNER, source_ip, "verification:Confirm", link.address))
    return state


def _headers(*, leads_on: bool) -> list[tuple[str, str]]:
    # Browsers hold redirects after a form, and those that follow on them, against form-action.
    action = "'self' http: https:" if leads_on else "'self'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {action}; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    return [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        *_PRIVATE,
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("X-Robots-Tag", "noindex"),
    ]


# Nobody is told the link by a cache or a Referer.
_PRIVATE = [("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")]


def _led_to(url: str) -> Response:
    """See Other: whatever the method was, the browser looks at the next page."""
    return Response(303, [("Location", url), *_PRIVATE], b"")
