"""Mail handed to the mail servers of its recipients' domains, as the domain name system names them."""

import asyncio
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pillarbox.delivery.outcome import Deferred, Delivered, Outcome, Refused
from pillarbox.delivery.transport.base import Attempt
from pillarbox.kit.ids import Scope
from pillarbox.settings import MxSetting, RouteSetting
from pillarbox.store import events
from pillarbox.store.engine import Store
from pillarbox.store.sqlite import SqliteStore
from tests.support.clock import StandingClock
from tests.support.direct import OUR_NAME, Certificate, PolicyHost, certificate_for, sending_directly
from tests.support.name_server import NameServer
from tests.support.postfix import Postfix
from tests.support.server import RunningServer, Server
from tests.support.sink import CLOSE, STALL, Sink

A, B, C = "a@example.net", "b@example.net", "c@example.net"
MAIL = b"Subject: x\r\n\r\nHello.\r\n"
FIRST, SECOND = "127.0.0.1", "127.0.0.2"


def taken(ip: str = FIRST) -> Delivered:
    return Delivered("250 2.0.0 taken", ip)


@pytest.fixture
async def zone() -> AsyncIterator[NameServer]:
    """A zone in which example.net has a first and a second mail server."""
    async with NameServer() as zone:
        fill(zone)
        yield zone


def fill(zone: NameServer) -> None:
    zone.add("example.net", "MX", "10 first.example.net.", "20 second.example.net.")
    zone.add("first.example.net", "A", FIRST)
    zone.add("second.example.net", "A", SECOND)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Store]:
    store = await SqliteStore.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def first() -> Iterator[Sink]:
    with Sink.listening() as sink:
        yield sink


@pytest.fixture
def second(first: Sink) -> Iterator[Sink]:
    with Sink.listening(at=(SECOND, first.port)) as sink:
        yield sink


def attempt(*recipients: str, data: bytes = MAIL, tls_required: bool = False) -> Attempt:
    scope = Scope("123456789012", "us-east-1")
    sender = "m1@mail.example.org"
    return Attempt("m1", 0, 1, scope, sender, recipients or (A,), data, 1_790_000_000_000, tls_required=tls_required)


async def outcome_of(
    zone: NameServer, port: int, kept: Store, address: str = A, *, tls_required: bool = False, **settings: Any
) -> Outcome:
    async with sending_directly(zone, port, kept, **settings) as transport:
        return (await transport.deliver(attempt(address, tls_required=tls_required)))[address]


class TestWhereMailGoes:
    async def test_to_the_preferred_host_all_recipients_in_one_transaction(
        self, zone: NameServer, first: Sink, second: Sink, kept: Store
    ) -> None:
        async with sending_directly(zone, first.port, kept) as transport:
            outcomes = await transport.deliver(attempt(A, B))

        assert outcomes == {A: taken(), B: taken()}
        (received,) = first.received
        assert (received.helo, received.recipients, received.data) == (OUR_NAME, [A, B], MAIL)
        assert not second.connections

    async def test_each_domain_to_its_own_host(self, zone: NameServer, first: Sink, second: Sink, kept: Store) -> None:
        zone.add("example.com", "MX", "10 second.example.net.")
        async with sending_directly(zone, first.port, kept) as transport:
            outcomes = await transport.deliver(attempt(A, "d@Example.COM"))

        assert outcomes == {A: taken(), "d@Example.COM": taken(SECOND)}

    async def test_to_the_second_when_the_first_is_dead(
        self, zone: NameServer, first: Sink, second: Sink, kept: Store
    ) -> None:
        zone.remove("first.example.net", "A")
        zone.add("first.example.net", "A", "127.0.0.3")

        assert await outcome_of(zone, first.port, kept) == taken(SECOND)

    async def test_to_another_address_of_a_host_when_one_is_dead(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        zone.remove("example.net", "MX")
        zone.add("example.net", "MX", "10 first.example.net.")
        zone.add("first.example.net", "A", "127.0.0.3", "127.0.0.4")
        zone.add("first.example.net", "AAAA", "::1")

        assert await outcome_of(zone, first.port, kept) == taken()

    async def test_to_the_domain_itself_when_it_names_no_host(self, zone: NameServer, first: Sink, kept: Store) -> None:
        zone.add("plain.example.net", "A", FIRST)

        assert await outcome_of(zone, first.port, kept, "a@plain.example.net") == taken()

    async def test_through_an_alias(self, zone: NameServer, first: Sink, kept: Store) -> None:
        zone.add("alias.example.net", "CNAME", "example.net.")

        assert await outcome_of(zone, first.port, kept, "a@alias.example.net") == taken()

    async def test_to_an_address_that_stands_for_a_domain(self, zone: NameServer, first: Sink, kept: Store) -> None:
        assert await outcome_of(zone, first.port, kept, f"a@[{FIRST}]") == taken()

    async def test_by_ipv6(self, zone: NameServer, kept: Store) -> None:
        zone.add("six.example.net", "AAAA", "::1")
        with Sink.listening(at=("::1", 0)) as sink:
            assert await outcome_of(zone, sink.port, kept, "a@six.example.net") == taken("::1")

    async def test_from_the_address_that_is_set(self, zone: NameServer, first: Sink, kept: Store) -> None:
        assert await outcome_of(zone, first.port, kept, source_ipv4="127.0.0.9") == taken()
        assert first.came_from == ["127.0.0.9"]

    async def test_over_a_connection_that_is_used_again(self, zone: NameServer, first: Sink, kept: Store) -> None:
        async with sending_directly(zone, first.port, kept) as transport:
            for _ in range(3):
                assert (await transport.deliver(attempt(A)))[A] == taken()

        assert first.connections == 1


class TestWhereMailDoesNotGo:
    @pytest.mark.parametrize(
        ("domain", "reply"),
        [
            ("missing.example.org", "550 5.1.2 the domain missing.example.org does not exist"),
            ("null.example.org", "556 5.1.10 the domain null.example.org takes no mail (null MX)"),
            (
                "text.example.org",
                "550 5.4.4 no mail server of text.example.org has an address that can be used from here",
            ),
            (
                "gone.example.org",
                "550 5.4.4 no mail server of gone.example.org has an address that can be used from here",
            ),
            ("ours.example.org", "554 5.4.6 mail for ours.example.org would loop back to this server"),
            ("[127.0.0]", "550 5.1.3 [127.0.0] is not an address"),
        ],
    )
    async def test_a_domain_that_takes_no_mail_from_here_bounces(
        self, zone: NameServer, first: Sink, kept: Store, domain: str, reply: str
    ) -> None:
        zone.add("null.example.org", "MX", "0 .")
        zone.add("text.example.org", "TXT", "no mail here")
        zone.add("gone.example.org", "MX", "10 nowhere.example.org.")
        zone.add("ours.example.org", "MX", f"10 {OUR_NAME}.", "10 first.example.net.", "20 second.example.net.")

        assert await outcome_of(zone, first.port, kept, f"a@{domain}") == Refused(reply)
        assert not first.connections

    async def test_a_name_that_leads_into_our_network_bounces(self, zone: NameServer, first: Sink, kept: Store) -> None:
        outcome = await outcome_of(zone, first.port, kept, private_addresses=False)

        assert isinstance(outcome, Refused) and outcome.reply is not None
        assert outcome.reply.startswith("550 5.4.4 first.example.net leads to 127.0.0.1 (loopback); ")
        assert not first.connections

    async def test_a_host_that_is_preferred_to_ours_is_no_loop(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        assert await outcome_of(zone, first.port, kept, own=("second.example.net",)) == taken()
        assert await outcome_of(zone, first.port, kept, own=(FIRST,)) == Refused(
            "554 5.4.6 mail for example.net would loop back to this server"
        )

    @pytest.mark.parametrize("name", ["example.net", "first.example.net"])
    async def test_names_that_nobody_answers_for_make_mail_wait(
        self, zone: NameServer, first: Sink, kept: Store, name: str
    ) -> None:
        zone.remove("second.example.net", "A")
        zone.break_(name)

        outcome = await outcome_of(zone, first.port, kept)

        assert isinstance(outcome, Deferred) and outcome.reply is None and not outcome.ours
        assert outcome.why.startswith("cannot look up example.net: ") and name in outcome.why

    async def test_a_circle_of_aliases_makes_mail_wait_or_bounce(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        zone.add("one.example.org", "CNAME", "two.example.org.")
        zone.add("two.example.org", "CNAME", "one.example.org.")

        outcome = await outcome_of(zone, first.port, kept, "a@one.example.org")

        assert isinstance(outcome, Deferred | Refused) and not first.connections


class TestWhatHostsSay:
    async def test_each_recipient_has_the_reply_that_it_got(self, zone: NameServer, first: Sink, kept: Store) -> None:
        first.script.always(f"RCPT {A}", "550 5.1.1 no such user")
        first.script.always(f"RCPT {B}", "452 4.2.2 mailbox full")

        async with sending_directly(zone, first.port, kept) as transport:
            outcomes = await transport.deliver(attempt(A, B, C))

        assert outcomes[A] == Refused("550 5.1.1 no such user", remote_ip=FIRST)
        assert outcomes[B] == Deferred("first.example.net said later", "452 4.2.2 mailbox full", FIRST)
        assert outcomes[C] == taken()

    async def test_whoever_is_greylisted_is_asked_about_at_one_more_host(
        self, zone: NameServer, first: Sink, second: Sink, kept: Store
    ) -> None:
        first.script.always("RCPT", "451 4.7.1 greylisted by the first")
        second.script.always(f"RCPT {B}", "451 4.7.1 greylisted by the second")

        async with sending_directly(zone, first.port, kept) as transport:
            outcomes = await transport.deliver(attempt(A, B))

        assert outcomes[A] == taken(SECOND)
        assert outcomes[B] == Deferred("first.example.net said later", "451 4.7.1 greylisted by the first", FIRST)

    async def test_a_refusal_is_final_and_nobody_else_is_asked(
        self, zone: NameServer, first: Sink, second: Sink, kept: Store
    ) -> None:
        first.script.always("DOT", "550 5.7.1 spam")

        assert await outcome_of(zone, first.port, kept) == Refused("550 5.7.1 spam", remote_ip=FIRST)
        assert not second.connections

    @pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
    @pytest.mark.parametrize("fault", [CLOSE, STALL, "421 4.3.2 overloaded"])
    async def test_when_a_host_hangs_up_before_the_message_the_next_is_tried(
        self, zone: NameServer, first: Sink, second: Sink, kept: Store, step: str, fault: str
    ) -> None:
        first.script.always(step, fault)

        assert await outcome_of(zone, first.port, kept, command_seconds=0.3, data_seconds=0.3) == taken(SECOND)

    async def test_a_host_that_takes_all_the_time_is_tried_last_the_next_time(
        self, zone: NameServer, first: Sink, second: Sink, kept: Store
    ) -> None:
        first.script.always("CONNECT", STALL)

        async with sending_directly(zone, first.port, kept, command_seconds=0.3, hosts_seconds=0.1) as transport:
            assert isinstance((await transport.deliver(attempt(A)))[A], Deferred)
            assert (await transport.deliver(attempt(A)))[A] == taken(SECOND)

        assert first.connections == 1

    async def test_one_attempt_does_not_try_every_address_of_a_long_list(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        zone.remove("first.example.net", "A")
        zone.add("first.example.net", "A", *(f"127.0.1.{last}" for last in range(1, 10)))

        outcome = await outcome_of(zone, first.port, kept)

        assert isinstance(outcome, Deferred) and outcome.why.count("Connection refused") == 6

    @pytest.mark.parametrize("fault", [CLOSE, STALL])
    async def test_a_message_that_may_have_been_taken_is_offered_to_no_other_host(
        self, zone: NameServer, first: Sink, second: Sink, kept: Store, fault: str
    ) -> None:
        first.script.always("DOT", fault)

        outcome = await outcome_of(zone, first.port, kept, done_seconds=0.3)

        assert isinstance(outcome, Deferred) and "may have been taken" in outcome.why
        assert not second.connections

    async def test_what_a_host_said_is_told_before_what_another_did_not(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        first.script.always("CONNECT", "554 5.7.1 your address is on a list")

        outcome = await outcome_of(zone, first.port, kept)

        assert outcome == Deferred(
            "first.example.net [127.0.0.1]: greeting was refused", "554 5.7.1 your address is on a list", FIRST
        )

    async def test_hosts_that_say_they_take_no_mail_at_all_are_believed(
        self, zone: NameServer, first: Sink, second: Sink, kept: Store
    ) -> None:
        for sink in (first, second):
            sink.script.always("CONNECT", "521 5.3.2 no mail here")

        assert await outcome_of(zone, first.port, kept) == Refused("521 5.3.2 no mail here", remote_ip=FIRST)

    async def test_nobody_there_is_no_verdict(self, zone: NameServer, kept: Store) -> None:
        with socket.socket() as closed:
            closed.bind((FIRST, 0))
            port = closed.getsockname()[1]
            outcome = await outcome_of(zone, port, kept)

        assert outcome == Deferred(
            "first.example.net [127.0.0.1]: Connection refused; second.example.net [127.0.0.2]: Connection refused",
            remote_ip=SECOND,
        )

    @pytest.mark.parametrize("enough", ["452 4.5.3 too many recipients", "552 too many recipients", "452 enough"])
    async def test_more_recipients_than_a_server_takes_at_once_go_in_several_transactions(
        self, zone: NameServer, first: Sink, kept: Store, enough: str
    ) -> None:
        recipients = [f"r{number}@example.net" for number in range(7)]
        first.most_recipients, first.enough = 3, enough

        async with sending_directly(zone, first.port, kept) as transport:
            outcomes = await transport.deliver(attempt(*recipients))

        assert outcomes == dict.fromkeys(recipients, taken())
        assert [received.recipients for received in first.received] == [recipients[:3], recipients[3:6], recipients[6:]]
        assert first.connections == 1

    async def test_a_full_mailbox_is_not_taken_for_too_many_recipients(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        first.script.always(f"RCPT {B}", "552 mailbox full")

        async with sending_directly(zone, first.port, kept) as transport:
            outcomes = await transport.deliver(attempt(A, B, C))

        assert outcomes == {A: taken(), B: Refused("552 mailbox full", remote_ip=FIRST), C: taken()}
        assert [received.recipients for received in first.received] == [[A, C]]

    async def test_a_connection_lost_between_transactions_leaves_what_was_delivered(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        first.most_recipients, first.enough = 1, "452 4.5.3 too many"
        first.script.once("MAIL", "250 2.1.0 ok", CLOSE)
        zone.remove("second.example.net", "A")

        async with sending_directly(zone, first.port, kept) as transport:
            outcomes = await transport.deliver(attempt(A, B))

        assert outcomes[A] == taken()
        assert isinstance(outcomes[B], Deferred)
        assert len(first.received) == 1


class TestEncryption:
    @pytest.fixture
    def shown(self, tmp_path: Path) -> Certificate:
        return certificate_for("first.example.net", tmp_path)

    @pytest.fixture
    def secured(self, shown: Certificate) -> Iterator[Sink]:
        """The first host, with STARTTLS and a certificate of an authority that nobody knows."""
        with Sink.listening(tls=shown.tls) as sink:
            yield sink

    async def test_is_used_where_it_is_offered_whatever_the_certificate(
        self, zone: NameServer, secured: Sink, kept: Store
    ) -> None:
        assert await outcome_of(zone, secured.port, kept) == taken()
        assert secured.received[0].tls

    @pytest.mark.parametrize("fault", ["454 4.7.0 not now", CLOSE, "220 but no TLS follows"])
    async def test_that_does_not_come_about_is_done_without(
        self, zone: NameServer, secured: Sink, kept: Store, fault: str
    ) -> None:
        secured.script.always("STARTTLS", fault)
        secured.wraps = False

        assert await outcome_of(zone, secured.port, kept, command_seconds=2) == taken()
        assert not secured.received[0].tls

    async def test_that_the_sender_requires_is_never_done_without(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        outcome = await outcome_of(zone, first.port, kept, tls_required=True)

        assert (
            isinstance(outcome, Deferred)
            and "first.example.net does not offer STARTTLS, which is required" in outcome.why
        )
        assert not first.received

    async def test_that_the_sender_requires_and_a_host_refuses_is_sought_at_the_next(
        self, zone: NameServer, secured: Sink, kept: Store, shown: Certificate
    ) -> None:
        secured.script.always("STARTTLS", "454 4.7.0 not now")
        with Sink.listening(tls=shown.tls, at=(SECOND, secured.port)) as second:
            assert await outcome_of(zone, secured.port, kept, tls_required=True) == taken(SECOND)
            assert second.received[0].tls

        assert not secured.received

    async def test_that_the_sender_requires_takes_any_certificate(
        self, zone: NameServer, secured: Sink, kept: Store
    ) -> None:
        assert await outcome_of(zone, secured.port, kept, tls_required=True) == taken()
        assert secured.received[0].tls

    async def test_a_connection_without_is_not_used_for_mail_that_requires_it(
        self, zone: NameServer, secured: Sink, kept: Store
    ) -> None:
        secured.script.once("STARTTLS", "454 4.7.0 not now")
        async with sending_directly(zone, secured.port, kept, max_connections=1) as transport:
            assert (await transport.deliver(attempt(A)))[A] == taken()
            assert (await transport.deliver(attempt(A, tls_required=True)))[A] == taken()

        assert [received.tls for received in secured.received] == [False, True]


class TestMtaSts:
    @pytest.fixture
    def shown(self, tmp_path: Path) -> Certificate:
        return certificate_for("first.example.net", tmp_path)

    @pytest.fixture
    def secured(self, shown: Certificate) -> Iterator[Sink]:
        with Sink.listening(tls=shown.tls) as sink:
            yield sink

    @pytest.fixture
    def host(self, zone: NameServer, tmp_path: Path) -> Iterator[PolicyHost]:
        """The policy host of example.net, whose record announces a policy."""
        zone.add("_mta-sts.example.net", "TXT", "v=STSv1; id=1;")
        zone.add("mta-sts.example.net", "A", FIRST)
        with PolicyHost.listening(certificate_for("mta-sts.example.net", tmp_path).tls) as host:
            yield host

    @pytest.fixture
    def trusted(self, shown: Certificate, host: PolicyHost, tmp_path: Path) -> dict[str, Any]:
        """Settings by which both authorities are known, and the port of the policy host."""
        both = tmp_path / "authorities.pem"
        both.write_text("".join(path.read_text() for path in tmp_path.glob("*-authority.pem")))
        return {"ca_file": str(both), "policy_port": host.port}

    async def test_a_valid_certificate_of_a_named_host_is_good(
        self, zone: NameServer, secured: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any]
    ) -> None:
        host.announce("enforce", "first.example.net")

        assert await outcome_of(zone, secured.port, kept, **trusted) == taken()
        assert host.asked == ["/.well-known/mta-sts.txt"]
        assert secured.received[0].tls

    async def test_a_host_that_the_policy_does_not_name_gets_nothing(
        self, zone: NameServer, secured: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any]
    ) -> None:
        host.announce("enforce", "*.mail.example.net", "mx.example.net")

        outcome = await outcome_of(zone, secured.port, kept, **trusted)

        assert isinstance(outcome, Deferred)
        assert "first.example.net is not a mail server of example.net by its MTA-STS policy" in outcome.why
        assert not secured.connections

    @pytest.mark.parametrize("fault", ["unknown authority", "another name", "no STARTTLS"])
    async def test_a_host_without_a_valid_certificate_gets_nothing(
        self, zone: NameServer, secured: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any], tmp_path: Path,
        fault: str,
    ) -> None:  # fmt: skip
        host.announce("enforce", "*.example.net")
        zone.remove("second.example.net", "A")
        if fault == "unknown authority":
            trusted["ca_file"] = str(tmp_path / "mta-sts.example.net-authority.pem")
        elif fault == "another name":
            zone.remove("example.net", "MX")
            zone.add("example.net", "MX", "10 other.example.net.")
            zone.add("other.example.net", "A", FIRST)
        else:
            secured.tls = None

        outcome = await outcome_of(zone, secured.port, kept, **trusted)

        assert isinstance(outcome, Deferred)
        assert ("does not offer STARTTLS" if fault == "no STARTTLS" else "certificate is not valid") in outcome.why
        assert not secured.received

    @pytest.mark.parametrize("mode", ["testing", "none"])
    async def test_a_policy_that_is_not_enforced_changes_nothing(
        self, zone: NameServer, first: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any], mode: str
    ) -> None:
        host.announce(mode, "elsewhere.example.net")

        assert await outcome_of(zone, first.port, kept, **trusted) == taken()

    async def test_a_policy_outlives_its_record_and_its_host_until_it_expires(
        self, zone: NameServer, first: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any]
    ) -> None:
        host.announce("enforce", "first.example.net", max_age_seconds=100)
        clock = StandingClock()
        assert isinstance(await outcome_of(zone, first.port, kept, clock=clock, **trusted), Deferred)

        zone.remove("_mta-sts.example.net", "TXT")
        host.status = 404
        clock.at += 99_000
        assert isinstance(await outcome_of(zone, first.port, kept, clock=clock, **trusted), Deferred)

        clock.at += 2_000
        assert await outcome_of(zone, first.port, kept, clock=clock, **trusted) == taken()

    async def test_a_policy_is_fetched_again_while_it_is_still_good(
        self, zone: NameServer, first: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any]
    ) -> None:
        host.announce("enforce", "first.example.net", max_age_seconds=100)
        clock = StandingClock()
        for later in (0, 49_000, 2_000, 60_000):
            clock.at += later
            assert isinstance(await outcome_of(zone, first.port, kept, clock=clock, **trusted), Deferred)

        assert len(host.asked) == 3

    async def test_a_policy_that_another_process_fetched_is_known_a_minute_later(
        self, zone: NameServer, first: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any]
    ) -> None:
        clock = StandingClock()
        host.announce("enforce", "first.example.net")
        zone.remove("_mta-sts.example.net", "TXT")
        async with sending_directly(zone, first.port, kept, clock=clock, **trusted) as transport:
            assert (await transport.deliver(attempt(A)))[A] == taken()
            zone.add("_mta-sts.example.net", "TXT", "v=STSv1; id=1;")
            assert isinstance(await outcome_of(zone, first.port, kept, clock=clock, **trusted), Deferred)
            zone.remove("_mta-sts.example.net", "TXT")

            clock.at += 60_000
            assert isinstance((await transport.deliver(attempt(A)))[A], Deferred)

    async def test_mail_that_leaves_at_the_same_time_fetches_a_policy_once(
        self, zone: NameServer, first: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any]
    ) -> None:
        host.announce("testing", "first.example.net")

        async with sending_directly(zone, first.port, kept, **trusted) as transport:
            outcomes = await asyncio.gather(*(transport.deliver(attempt(A)) for _ in range(10)))

        assert outcomes == [{A: taken()}] * 10
        assert len(host.asked) == 1

    async def test_a_new_id_brings_a_new_policy(
        self, zone: NameServer, first: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any]
    ) -> None:
        host.announce("enforce", "first.example.net")
        assert isinstance(await outcome_of(zone, first.port, kept, **trusted), Deferred)

        host.announce("none")
        assert isinstance(await outcome_of(zone, first.port, kept, **trusted), Deferred)
        zone.remove("_mta-sts.example.net", "TXT")
        zone.add("_mta-sts.example.net", "TXT", "v=STSv1; id=2;")

        assert await outcome_of(zone, first.port, kept, **trusted) == taken()
        assert len(host.asked) == 2

    @pytest.mark.parametrize("fault", ["status", "type", "text", "authority"])
    async def test_a_policy_that_cannot_be_had_is_none_and_not_asked_for_again_at_once(
        self, zone: NameServer, first: Sink, kept: Store, host: PolicyHost, trusted: dict[str, Any], tmp_path: Path,
        fault: str,
    ) -> None:  # fmt: skip
        host.announce("enforce", "elsewhere.example.net")
        if fault == "status":
            host.status = 301
        elif fault == "type":
            host.content_type = "text/html"
        elif fault == "text":
            host.policy = "<html>"
        else:
            trusted["ca_file"] = str(tmp_path / "first.example.net-authority.pem")

        async with sending_directly(zone, first.port, kept, **trusted) as transport:
            for _ in range(2):
                assert (await transport.deliver(attempt(A)))[A] == taken()

        assert len(host.asked) == (0 if fault == "authority" else 1)


class TestDane:
    @pytest.fixture
    async def zone(self) -> AsyncIterator[NameServer]:
        async with NameServer(signed=True) as zone:
            fill(zone)
            zone.remove("second.example.net", "A")
            yield zone

    @pytest.fixture
    def shown(self, tmp_path: Path) -> Certificate:
        return certificate_for("first.example.net", tmp_path)

    @pytest.fixture
    def secured(self, shown: Certificate) -> Iterator[Sink]:
        with Sink.listening(tls=shown.tls) as sink:
            yield sink

    @pytest.mark.parametrize("usage", [2, 3])
    async def test_the_certificate_that_is_named_is_good(
        self, zone: NameServer, secured: Sink, kept: Store, shown: Certificate, usage: int
    ) -> None:
        named = shown.authority if usage == 2 else shown.own
        zone.add(f"_{secured.port}._tcp.first.example.net", "TLSA", f"{usage} 0 1 {hashlib.sha256(named).hexdigest()}")

        assert await outcome_of(zone, secured.port, kept) == taken()
        assert secured.received[0].tls

    async def test_another_certificate_gets_nothing(self, zone: NameServer, secured: Sink, kept: Store) -> None:
        zone.add(f"_{secured.port}._tcp.first.example.net", "TLSA", f"3 0 1 {'00' * 32}")

        outcome = await outcome_of(zone, secured.port, kept)

        assert outcome == Deferred(
            "first.example.net [127.0.0.1]: first.example.net's certificate is not the right one:"
            " it is none of those in the TLSA records",
            remote_ip=FIRST,
        )
        assert not secured.received

    async def test_a_host_with_records_and_without_encryption_gets_nothing(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        zone.add(f"_{first.port}._tcp.first.example.net", "TLSA", f"3 0 1 {'00' * 32}")

        outcome = await outcome_of(zone, first.port, kept)

        assert isinstance(outcome, Deferred) and "does not offer STARTTLS, which is required" in outcome.why

    async def test_records_that_cannot_be_used_ask_for_encryption_alone(
        self, zone: NameServer, secured: Sink, kept: Store
    ) -> None:
        zone.add(f"_{secured.port}._tcp.first.example.net", "TLSA", f"1 0 1 {'00' * 32}")

        assert await outcome_of(zone, secured.port, kept) == taken()
        secured.tls = None
        assert isinstance(await outcome_of(zone, secured.port, kept), Deferred)

    async def test_records_that_are_kept_from_us_make_mail_wait(
        self, zone: NameServer, secured: Sink, kept: Store
    ) -> None:
        zone.break_(f"_{secured.port}._tcp.first.example.net")

        outcome = await outcome_of(zone, secured.port, kept)

        assert isinstance(outcome, Deferred) and "whether first.example.net must be encrypted to" in outcome.why
        assert not secured.connections

    async def test_where_addresses_are_not_signed_nobody_asks_for_records(
        self, zone: NameServer, first: Sink, kept: Store
    ) -> None:
        zone.break_(f"_{first.port}._tcp.first.example.net")
        async with sending_directly(zone, first.port, kept) as transport:
            zone.signed = False

            assert (await transport.deliver(attempt(A)))[A] == taken()

    async def test_records_that_nobody_validated_count_for_nothing(self, first: Sink, kept: Store) -> None:
        async with NameServer() as zone:
            fill(zone)
            zone.add(f"_{first.port}._tcp.first.example.net", "TLSA", f"3 0 1 {'00' * 32}")

            assert await outcome_of(zone, first.port, kept) == taken()


async def test_postfix_as_the_mail_server_of_its_own_zone(kept: Store) -> None:
    async with NameServer() as zone:
        zone.add("example.net", "MX", "10 smarthost.example.org.")
        zone.add("smarthost.example.org", "A", FIRST)
        with Sink.listening() as behind, Postfix.started(behind.port, [A, B]) as postfix:
            async with sending_directly(zone, postfix.port, kept) as transport:
                outcomes = await transport.deliver(attempt(A, B, C))
            behind.wait_for_mail(1)

    assert isinstance(outcomes[A], Delivered) and outcomes[A] == outcomes[B]
    refused = outcomes[C]
    assert isinstance(refused, Refused) and (refused.reply or "").startswith("550 5.1.1 <c@example.net>: ")
    assert behind.received[0].recipients == [A, B]


async def test_postfix_that_proves_itself_by_its_zone(kept: Store, tmp_path: Path) -> None:
    shown = certificate_for("smarthost.example.org", tmp_path)
    async with NameServer(signed=True) as zone:
        zone.add("example.net", "MX", "10 smarthost.example.org.")
        zone.add("smarthost.example.org", "A", FIRST)
        with Sink.listening() as behind, Postfix.started(behind.port, [A], chain=shown.chain) as postfix:
            records = f"_{postfix.port}._tcp.smarthost.example.org"
            zone.add(records, "TLSA", f"3 0 1 {'00' * 32}")
            refused = await outcome_of(zone, postfix.port, kept)
            zone.remove(records, "TLSA")
            zone.add(records, "TLSA", f"2 0 1 {hashlib.sha256(shown.authority).hexdigest()}")
            delivered = await outcome_of(zone, postfix.port, kept)

    assert isinstance(refused, Deferred) and "certificate is not the right one" in refused.why
    assert isinstance(delivered, Delivered)


async def test_what_becomes_of_mail_that_programs_send(tmp_path: Path, zone: NameServer, first: Sink) -> None:
    zone.add("null.example.org", "MX", "0 .")
    zone.break_("broken.example.org")
    recipients = [A, "b@null.example.org", "c@broken.example.org"]
    settings: dict[str, Any] = {
        "routes": (RouteSetting(transport="mx"),),
        "mx": MxSetting(port=first.port, private_addresses=True),
        "nameservers": (zone.address,),
    }

    def send() -> dict[str, Any]:
        with RunningServer.started(tmp_path, dev=True, dev_really_send=True, **settings) as running:
            server = running.for_new_account()
            ses = server.client("ses")
            ses.verify_email_identity(EmailAddress="shop@example.com")
            body = {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}
            sent = ses.send_email(Source="shop@example.com", Destination={"ToAddresses": recipients}, Message=body)
            until = time.monotonic() + 20
            while len(facts := told(server, sent["MessageId"])) < 4:
                assert time.monotonic() < until, f"only {sorted(facts)} happened"
                time.sleep(0.02)
            return facts

    facts = await asyncio.to_thread(send)

    assert facts["Delivery"]["recipients"] == [A]
    assert (facts["Delivery"]["smtp_response"], facts["Delivery"]["remote_mta_ip"]) == ("250 2.0.0 taken", FIRST)
    (bounced,) = facts["Bounce"]["recipients"]
    assert facts["Bounce"]["bounce_type"] == "Permanent"
    assert bounced["diagnostic_code"] == "smtp; 556 5.1.10 the domain null.example.org takes no mail (null MX)"
    (delayed,) = facts["DeliveryDelay"]["recipients"]
    assert delayed["address"] == "c@broken.example.org" and "SERVFAIL" in delayed["diagnostic_code"]
    assert [received.recipients for received in first.received] == [[A]]


def told(server: Server, message_id: str) -> dict[str, Any]:
    """Return what is recorded of a message, by kind."""
    return {row.kind: msgspec.json.decode(row.fact) for row in server.read(events.of_message, message_id)}
