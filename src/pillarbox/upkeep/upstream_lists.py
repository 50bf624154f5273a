"""Keeps the suppression lists of other SES in step here, so that nobody is written to who is listed there.

Touches the store and the network. A duty of runner.py. A list is read page by
page, in rounds; what was not seen in a whole round has left the list and is
taken off ours, unless it stood there by itself.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_ListSuppressedDestinations.html
"""

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from pillarbox.delivery.transport.ses_client import Answer, NotAnswered, NotAsked, SesClient
from pillarbox.kit import log
from pillarbox.kit.clock import HOUR, MINUTE, Millis
from pillarbox.kit.ids import Scope
from pillarbox.kit.simulated import is_simulated
from pillarbox.resources import upstreams
from pillarbox.resources.suppression import canonical
from pillarbox.resources.suppression_reasons import Reason
from pillarbox.resources.upstreams import ListState
from pillarbox.store import nouns, suppressed
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.store.suppressed import SuppressedRow

_PATH = "/v2/email/suppression/addresses"
_PAGE = 200
_LOOK_EVERY: Millis = HOUR
_AFTER_FAILURE: Millis = 5 * MINUTE
_MARK = "upstream-suppressed"
_OF_THE_ACCOUNT = ""


class Mark(msgspec.Struct, frozen=True):
    """That an address was on an upstream's list in a round; `brought` says that this is why it is on ours."""

    round: int
    brought: bool


_read_mark = msgspec.json.Decoder(Mark).decode


class UpstreamLists:
    """The duty: each piece reads one page of a list, or takes off some of those who have left it."""

    name = "upstream-lists"
    topic = upstreams.TOPIC

    def __init__(self, store: Store, clients: Sequence[SesClient]) -> None:
        """`clients` are those of the upstreams whose list is kept here; each has an account."""
        self._store = store
        self._clients = {client.upstream.name: client for client in clients}
        self._log = log.named("upkeep.upstream-lists")

    async def due_at(self) -> Millis | None:
        states = await self._store.read(_states, list(self._clients))
        return min((state.look_again_at for state in states.values()), default=None)

    async def work(self, now: Millis) -> None:
        for name, state in (await self._store.read(_states, list(self._clients))).items():
            if state.look_again_at <= now:
                await self._go_on(self._clients[name], state, now)

    async def _go_on(self, client: SesClient, state: ListState, now: Millis) -> None:
        name, scope = client.upstream.name, Scope(client.upstream.account, client.upstream.region)
        if state.is_read:
            gone = await self._store.read(_gone, scope, name, state.round)
            await self._store.write(take_off, scope, name, gone, state, now)
            return
        query = {"PageSize": str(_PAGE)} | ({"NextToken": state.token} if state.token else {})
        try:
            page, token = _read_page(await client.get(_PATH, **query))
        except (NotAsked, NotAnswered, ValueError) as failure:
            if str(failure) != state.failure:
                self._log.warning("suppression list not read", upstream=name, why=str(failure))
            # A round begins anew: a token does not live for ever.
            failed = replace(
                state, token="", round=state.round + 1, seen=0, failure=str(failure), look_again_at=now + _AFTER_FAILURE
            )
            await self._store.write(upstreams.put_list_state, name, failed, now)
            return
        await self._store.write(take_page, scope, name, page, token, state, now)


def take_page(
    scope: Scope, name: str, page: Mapping[str, Reason], token: str, state: ListState, now: Millis
) -> Plan[None]:
    """Put the addresses of a page on our list, and remember that they were seen; an empty `token` ends the list."""
    listed = yield from suppressed.reasons_of([(*scope, _OF_THE_ACCOUNT, address) for address in page])
    known = {
        noun.name: _read_mark(noun.document)
        for noun in (yield from nouns.get_many(scope, _MARK, [_mark_of(name, address) for address in page]))
    }
    rows = []
    for address, reason in page.items():
        before, here = known.get(_mark_of(name, address)), listed.get((*scope, _OF_THE_ACCOUNT, address))
        brought = here is None or (before is not None and before.brought)
        if here is None or (brought and here != reason):
            rows.append(SuppressedRow(*scope, _OF_THE_ACCOUNT, address, reason.value, "", "", now))
        document = msgspec.json.encode(Mark(state.round, brought)).decode()
        if before:
            yield from nouns.change(scope, _MARK, _mark_of(name, address), partial(_replaced, document), now)
        else:
            yield from nouns.create(scope, _MARK, _mark_of(name, address), document, now, parent=name)
    if rows:
        yield from suppressed.put(rows)
    seen = state.seen + len(page)
    yield from upstreams.put_list_state(
        name, replace(state, token=token, seen=seen, is_read=not token, failure=""), now
    )


def take_off(scope: Scope, name: str, gone: Mapping[str, Mark], state: ListState, now: Millis) -> Plan[None]:
    """Take some off our list who have left theirs; when there is nobody, the round is over."""
    for mark_name, mark in gone.items():
        yield from nouns.delete(scope, _MARK, mark_name)
        if mark.brought:
            yield from suppressed.delete(scope, _OF_THE_ACCOUNT, mark_name.removeprefix(_mark_of(name, "")))
    if not gone:
        done = ListState(now + _LOOK_EVERY, round=state.round + 1, addresses=state.seen, looked_at=now)
        yield from upstreams.put_list_state(name, done, now)


def _gone(scope: Scope, name: str, in_round: int) -> Plan[dict[str, Mark]]:
    """Return some who were not seen in this round."""
    found: dict[str, Mark] = {}
    after = ""
    while len(found) < _PAGE and (marks := (yield from nouns.list_children(scope, _MARK, name, after, _PAGE))):
        read = {noun.name: _read_mark(noun.document) for noun in marks}
        found |= {mark_name: mark for mark_name, mark in read.items() if mark.round < in_round}
        after = marks[-1].name
    return found


def _replaced(document: str, _: str) -> str:
    return document


def _mark_of(name: str, address: str) -> str:
    return f"{name}/{address}"


def _states(names: list[str]) -> Plan[dict[str, ListState]]:
    found = {}
    for name in names:
        found[name] = yield from upstreams.list_state(name)
    return found


def _read_page(answer: Answer) -> tuple[dict[str, Reason], str]:
    """Return addresses with their reasons and where the next page begins; ValueError for what is no such page."""
    if not answer.is_good:
        raise ValueError(f"ListSuppressedDestinations was answered {answer}")
    try:
        page = {
            canonical(one["EmailAddress"]): Reason(one["Reason"])
            for one in answer.content["SuppressedDestinationSummaries"]
            if not is_simulated(one["EmailAddress"])
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"ListSuppressedDestinations was answered without {error}") from None
    return page, str(answer.content.get("NextToken") or "")
