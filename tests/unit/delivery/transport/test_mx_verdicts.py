"""What several hosts said, and what it comes to."""

from pillarbox.delivery.outcome import Deferred, Delivered, Refused
from pillarbox.delivery.transport.mx_verdicts import Verdicts
from pillarbox.delivery.transport.smtp_dial import Broken

A, B = "a@example.net", "b@example.net"
LATER = Deferred("first said later", "451 4.7.1 later", "192.0.2.1")


def broken(why: str, reply: str | None = None, ip: str | None = None, **flags: bool) -> Broken:
    fault = Broken(why, reply, **flags)
    fault.remote_ip = ip
    return fault


def test_a_verdict_is_final_and_a_deferral_is_asked_about_once_more() -> None:
    verdicts = Verdicts([A, B])
    verdicts.add({A: Refused("550 5.1.1 no"), B: LATER})
    assert not verdicts.are_in and verdicts.left == [B]

    verdicts.add({B: Deferred("second said later", "451 4.3.2 busy")})

    assert verdicts.are_in
    assert verdicts.outcomes() == {A: Refused("550 5.1.1 no"), B: LATER}


def test_nothing_is_left_to_ask_when_everybody_has_a_verdict() -> None:
    verdicts = Verdicts([A])
    verdicts.add({A: Delivered("250 ok")})

    assert verdicts.are_in and verdicts.outcomes() == {A: Delivered("250 ok")}


def test_hosts_that_were_not_reached_do_not_count_as_asked() -> None:
    verdicts = Verdicts([A])
    for number in range(5):
        verdicts.add_fault(broken(f"host {number}: no answer"))

    assert not verdicts.are_in


def test_a_message_that_may_have_been_taken_is_asked_about_nowhere_else() -> None:
    verdicts = Verdicts([A])
    verdicts.add_fault(broken("lost after the message", in_doubt=True))

    assert verdicts.are_in
    assert verdicts.outcomes() == {A: Deferred("lost after the message")}


def test_what_a_host_said_outweighs_that_others_were_silent() -> None:
    verdicts = Verdicts([A])
    verdicts.add_fault(broken("one: no answer", ip="192.0.2.1"))
    verdicts.add_fault(broken("two: greeting was refused", "554 5.7.1 not from you", "192.0.2.2"))
    verdicts.add_fault(broken("three: greeting was refused", "421 4.3.2 busy", "192.0.2.3"))

    assert verdicts.outcomes() == {A: Deferred("two: greeting was refused", "554 5.7.1 not from you", "192.0.2.2")}


def test_a_fault_is_ours_only_if_no_host_had_another() -> None:
    verdicts = Verdicts([A])
    verdicts.add_fault(broken("cannot send from 192.0.2.9", ours=True))
    assert verdicts.outcomes() == {A: Deferred("cannot send from 192.0.2.9", ours=True)}

    verdicts.add_fault(broken("two: no answer"))
    assert verdicts.outcomes() == {A: Deferred("cannot send from 192.0.2.9; two: no answer")}


def test_521_is_for_ever_only_when_every_host_says_it() -> None:
    verdicts = Verdicts([A])
    verdicts.add_fault(broken("one: greeting was refused", "521 no mail here", "192.0.2.1"))
    assert verdicts.outcomes() == {A: Refused("521 no mail here", remote_ip="192.0.2.1")}

    verdicts.add_fault(broken("two: no answer"))
    assert isinstance(verdicts.outcomes()[A], Deferred)
