"""Each promise is guarded: break it in a copy of the source, and the named test turns red."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """A promise, the line that keeps it, what it is broken into, and the test that must notice."""

    promise: str
    file: str
    line: str
    broken: str
    test: str


MUTANTS = [
    Mutant(
        "a commit is on disk before the answer",
        "store/sqlite.py",
        '"FULL" if self._synchronous else "OFF"',
        '"OFF"',
        "tests/faults/test_power_cut.py::test_a_power_cut_loses_nothing_that_was_acknowledged",
    ),
    Mutant(
        "a body is on disk before the answer",
        "store/sqlite.py",
        "            self._segments.sync()\n",
        "",
        "tests/faults/test_power_cut.py::test_a_power_cut_loses_nothing_that_was_acknowledged",
    ),
    Mutant(
        "a signature is verified",
        "edge/authenticate.py",
        "        presented.signature.prove(request, presented.secret)\n",
        "        del presented, request\n",
        "tests/contract/test_gate.py::test_a_wrong_secret",
    ),
    Mutant(
        "mail by SMTP needs a login",
        "edge/smtp.py",
        "        if self._login.caller:\n            return None\n",
        "        if self._told.greeted:\n            return None\n",
        "tests/scenarios/test_smtp_door.py::test_nothing_is_relayed_without_a_login",
    ),
    Mutant(
        "looking at a link unsubscribes nobody",
        "edge/unsubscribe.py",
        "await self._store.read(subscriptions.look, message_id)",
        "await self._store.write(subscriptions.leave, message_id, self._clock.now())",
        "tests/scenarios/test_unsubscribing.py::test_a_scanner_that_looks_at_links_unsubscribes_nobody",
    ),
    Mutant(
        "only our links open a page of preferences",
        "delivery/unsubscribe_links.py",
        " or not hmac.compare_digest(self._signed(message, number), text)",
        "",
        "tests/unit/delivery/test_unsubscribe_links.py::test_no_altered_link_is_read",
    ),
    Mutant(
        "an SMTP password is checked",
        "edge/smtp_login.py",
        "if known and region else None",
        "if known else None",
        "tests/scenarios/test_smtp_door.py::test_a_wrong_password_is_refused_and_the_third_time_the_connection_ends",
    ),
    Mutant(
        "a call that is made again is one message",
        "sending/accept.py",
        "        verdicts |= yield from idempotency.remember(",
        "        yield from idempotency.remember(",
        "tests/unit/sending/test_idempotency.py::test_an_invocation_that_comes_again_is_one_message",
    ),
    Mutant(
        "a key of one's own stands for one content",
        "sending/idempotency.py",
        "    if row.content == once.content:\n",
        "    if row.message_id:\n",
        "tests/unit/sending/test_idempotency.py::test_a_key_of_ones_own_holds_for_a_day_and_one_content",
    ),
    Mutant(
        "who receives a split send sees nobody else",
        "delivery/transform/recipient_headers.py",
        "naming_only(raw, facts.only_to) if facts.only_to else raw",
        "raw",
        "tests/scenarios/test_split_sends.py::test_raw_mail_is_kept_as_given_and_leaves_with_one_name",
    ),
    Mutant(
        "a large send goes on behind its last chunk",
        "store/large_sends.py",
        "UPDATE {row.table} SET written = written + ?, due_at = ?",
        "UPDATE {row.table} SET written = written + ? * 0, due_at = ?",
        "tests/unit/sending/test_expand.py::test_another_takes_over_when_the_lease_of_a_dead_one_ends",
    ),
    Mutant(
        "of a bulk call only what was promised is made",
        "sending/deferred.py",
        "if one.number in promised]",
        "if promised]",
        "tests/unit/sending/test_expand.py::test_who_was_refused_gets_no_message",
    ),
    Mutant(
        "what can no longer be made keeps no other message waiting",
        "sending/making.py",
        "except (Refusal, ValueError) as fault:",
        "except KeyError as fault:",
        "tests/unit/sending/test_expand.py::test_what_has_become_impossible_to_make_ends_at_once_and_the_others_are_made",
    ),
    Mutant(
        "everything that a burst was promised is kept",
        "sending/unmade.py",
        "[one.own for one in promised]",
        "[one.own for one in promised[:1]]",
        "tests/unit/sending/test_unmade.py::test_the_messages_of_a_burst_are_made_after_their_answers",
    ),
    Mutant(
        "what may be refused when it is made is made before its answer",
        "sending/envelope.py",
        "for text in draft.reply_to:",
        "for text in ():",
        "tests/unit/sending/test_unmade.py::test_a_message_that_may_be_refused_when_it_is_made_does_not_wait",
    ),
    Mutant(
        "what messages are to be made of is kept elsewhere too",
        "upkeep/bodies_elsewhere.py",
        "if there and not waits:",
        "if there:",
        "tests/unit/upkeep/test_bodies_elsewhere.py::test_what_messages_are_still_to_be_made_of_stays",
    ),
    Mutant(
        "what was said before STARTTLS does not count after it",
        "edge/smtp_channel.py",
        "        self._inlet.discard()\n",
        "",
        "tests/scenarios/test_smtp_door.py::test_what_was_said_before_starttls_does_not_count_after_it",
    ),
    Mutant(
        "only an address that this server has signed brings reports",
        "delivery/verp.py",
        "return returned if hmac.compare_digest(made, local_part.lower()) else None",
        "return returned if made else None",
        "tests/scenarios/test_feedback.py::test_a_forged_address_is_refused_before_any_mail",
    ),
    Mutant(
        "a report that comes twice is told once",
        "delivery/feedback.py",
        "record_once(event, event.event_id)",
        "record_once(event, f'{event.event_id} {now}')",
        "tests/unit/delivery/test_feedback.py::test_the_same_report_is_recorded_once_however_often_it_comes",
    ),
    Mutant(
        "a report about one recipient is about nobody else",
        "delivery/feedback.py",
        "one = recipients[recipient : recipient + 1]",
        "one: list[str] = []",
        "tests/unit/delivery/test_feedback.py::test_a_report_to_the_address_of_one_recipient_is_about_that_one_alone",
    ),
    Mutant(
        "feedback is sent on once",
        "destinations/forwarding.py",
        'f"forwarded/{event.event_id}"',
        'f"forwarded/{id(event)} {now} {raw!r}"',
        "tests/unit/destinations/test_forwarding.py::test_an_event_is_sent_on_once_however_often_it_is_seen",
    ),
    Mutant(
        "only CRLF.CRLF ends a message",
        "edge/smtp_lines.py",
        '_END = b"\\r\\n.\\r\\n"',
        '_END = b"\\n.\\r\\n"',
        "tests/unit/edge/test_smtp_lines.py::test_only_a_dot_between_crlfs_ends_a_message",
    ),
    Mutant(
        "a lone LF in a message never leaves",
        "delivery/transport/smtp_transaction.py",
        "    data = in_crlf_lines(raw)\n",
        "    data = raw\n",
        "tests/unit/delivery/transport/test_smtp_transaction.py::test_no_message_can_end_before_its_end",
    ),
    Mutant(
        "a password leaves only over TLS",
        "delivery/transport/smtp_connection.py",
        "        if not self.is_encrypted and not login.without_tls:\n",
        "        if self.is_encrypted and login.without_tls:\n",
        "tests/scenarios/test_smtp_transport.py::TestSecrecy::test_the_password_is_never_said_without_tls",
    ),
    Mutant(
        "what comes in the clear beside the answer to STARTTLS ends the conversation",
        "delivery/transport/smtp_stream.py",
        "            self._end(Unasked(replies.pop()))\n",
        "            replies.pop()\n",
        "tests/scenarios/test_smtp_transport.py::TestSecrecy"
        "::test_what_is_added_to_the_answer_to_starttls_is_an_attack",
    ),
    Mutant(
        "passwords are not kept with what was said",
        "delivery/transport/smtp_connection.py",
        "        self.transcript.add(OURS, shown or line)\n",
        "        self.transcript.add(OURS, line)\n",
        "tests/scenarios/test_smtp_transport.py::TestConversations::test_a_login_is_told_without_its_password",
    ),
    Mutant(
        "what a smarthost refused before MAIL does not bounce",
        "delivery/transport/smtp.py",
        "rest = Deferred(broken.why, broken.reply, broken.remote_ip, broken.ours)",
        "rest = Refused(broken.reply, remote_ip=broken.remote_ip)",
        "tests/scenarios/test_smtp_transport.py::test_a_refusal_before_mail_is_no_verdict_on_the_message",
    ),
    Mutant(
        "no mail goes to an address inside our network because a stranger's name leads there",
        "delivery/transport/mx_hosts.py",
        "        if why := bounds.reason_to_refuse(address):\n",
        "        if why := None:\n",
        "tests/unit/delivery/transport/test_mx_hosts.py::test_addresses_of_special_purpose_are_never_tried",
    ),
    Mutant(
        "encryption that is demanded is not given up",
        "delivery/transport/mx.py",
        "            if asked.encrypted:\n                raise\n",
        "            pass\n",
        "tests/scenarios/test_mx.py::TestMtaSts::test_a_host_without_a_valid_certificate_gets_nothing",
    ),
    Mutant(
        "a certificate that DANE does not name gets no mail",
        "delivery/transport/dane.py",
        '            return "it is none of those in the TLSA records"\n',
        "            return None\n",
        "tests/scenarios/test_mx.py::TestDane::test_another_certificate_gets_nothing",
    ),
    Mutant(
        "a message that may have been taken is not offered to another host at once",
        "delivery/transport/mx_verdicts.py",
        "        if broken.in_doubt:\n",
        "        if False:\n",
        "tests/scenarios/test_mx.py::TestWhatHostsSay::"
        "test_a_message_that_may_have_been_taken_is_offered_to_no_other_host",
    ),
    Mutant(
        "what was deferred is tried again",
        "delivery/retry.py",
        '    return min(now + wait + int(wait * _MOST_JITTER * _chance(f"{key}/{attempts}")), until)\n',
        "    return None\n",
        "tests/unit/delivery/test_worker.py::test_a_deferral_waits_its_time_and_keeps_only_those_left",
    ),
    Mutant(
        "a source that is new to the world sends no more than its day has",
        "delivery/warm_up.py",
        "taken = min(left, ",
        "taken = min(100, ",
        "tests/unit/delivery/test_warm_up.py::test_all_processes_together_begin_as_many_as_the_day_has",
    ),
    Mutant(
        "a provider is never sent to faster than its pace",
        "delivery/pace.py",
        "        self.next = now + count * self._interval\n",
        "        self.next += count * self._interval\n",
        "tests/unit/delivery/test_pace.py::test_in_any_window_no_more_than_its_time_allows_and_one_begin",
    ),
    Mutant(
        "what is paused does not go out",
        "delivery/pacer.py",
        "        if self._stopped or lane.aside or self.held(lane):\n",
        "        if self._stopped or lane.aside:\n",
        "tests/unit/operate/test_queue.py::test_what_is_paused_waits_and_goes_on_when_it_is_resumed",
    ),
    Mutant(
        "an attempt that takes long keeps its lease",
        "delivery/worker.py",
        "outgoing.renew, list(self._in_flight),",
        "outgoing.renew, [],",
        "tests/faults/test_workers.py::test_an_attempt_that_takes_long_is_not_made_twice",
    ),
    Mutant(
        "a worker that lost its lease records nothing",
        "store/outgoing.py",
        '"DELETE FROM outgoing WHERE message_id = ? AND part = ? AND lease = ? RETURNING part"',
        "\"DELETE FROM outgoing WHERE message_id = ? AND part = ? AND ? != '' RETURNING part\"",
        "tests/unit/delivery/test_worker.py::test_an_unfinished_attempt_is_made_again_when_its_lease_ends",
    ),
    Mutant(
        "whoever is suppressed gets no attempt",
        "delivery/worker.py",
        " if address not in held]",
        "]",
        "tests/unit/delivery/test_suppression.py::test_a_suppressed_recipient_gets_no_attempt_and_the_others_do",
    ),
    Mutant(
        "one bad request does not undo its neighbours",
        "store/sqlite.py",
        "                for asked in together:\n                    self._run_alone(asked, has_neighbours=True)\n"
        "                continue\n",
        "                raise\n",
        "tests/unit/store/test_engine.py::test_one_bad_item_does_not_undo_its_neighbours",
    ),
    Mutant(
        "what a plan did before it raised is undone",
        "store/sqlite.py",
        '            self._undo("ROLLBACK")\n            self._database.execute("BEGIN IMMEDIATE")\n',
        "            pass\n",
        "tests/unit/store/test_engine.py::test_a_plan_that_raises_writes_nothing",
    ),
    Mutant(
        "a bounce is believed only at an address that this server has made",
        "delivery/verp.py",
        "        return returned if hmac.compare_digest(made, local_part.lower()) else None\n",
        "        return returned if made else None\n",
        "tests/unit/delivery/test_verp.py::test_a_path_of_another_server_is_refused",
    ),
    Mutant(
        "mail is signed as it leaves",
        "delivery/transform/pipeline.py",
        "    raw = in_crlf_lines(raw)\n",
        "",
        "tests/unit/delivery/transform/test_pipeline.py::test_whatever_leaves_is_signed_as_it_leaves",
    ),
    Mutant(
        "nobody adds a header to a signed message",
        "delivery/transform/dkim.py",
        "[name] * (len(present) + 1)",
        "[name] * len(present)",
        "tests/unit/delivery/transform/test_dkim.py::test_a_header_that_is_added_breaks_it",
    ),
    Mutant(
        "the quota is judged with the write",
        "sending/admission.py",
        "            left[one.scope] -= one.quota_recipients\n",
        "            pass\n",
        "tests/unit/sending/test_accept.py::test_promises_kept_together_share_the_quota",
    ),
    Mutant(
        "the rate of an account is one for all processes",
        "sending/admission.py",
        "            yield from send_rates.put(scope, left[scope])\n",
        "            pass\n",
        "tests/unit/sending/test_admission.py::test_senders_of_one_account_share_its_rate_and_its_own_quota_holds",
    ),
    Mutant(
        "a tenant sends with its own resources alone",
        "sending/policy.py",
        "if standing.tenant is None or not standing.tenant.lacks:",
        "if standing.tenant:",
        "tests/contract/sesv2/test_tenants.py::test_a_bulk_send_for_a_tenant",
    ),
    Mutant(
        "the list of one tenant is nothing to another",
        "resources/suppression.py",
        'named.tenant_id if named and own_list else ""',
        '""',
        "tests/unit/resources/test_suppression.py::test_feedback_on_mail_of_a_tenant_is_kept_from_the_others",
    ),
    Mutant(
        "looking at a verification link verifies nobody",
        "edge/verification.py",
        'self._confirm(link, source_ip) if method == "POST" else self._look(link)',
        "self._confirm(link, source_ip)",
        "tests/unit/edge/test_verification.py::test_the_page_asks_in_plain_words_and_escapes_what_strangers_wrote",
    ),
    Mutant(
        "a verification link is for one creation of an identity",
        "resources/address_verification.py",
        "if identity is None or made_at is None or made_at > link.made_at:",
        "if identity is None:",
        "tests/unit/resources/test_address_verification.py::test_a_link_verifies_once_and_only_its_identity",
    ),
    Mutant(
        "a verification link works for 24 hours",
        "resources/address_verification.py",
        "LinkState.OPEN if now < link.made_at + LINK_LASTS else LinkState.EXPIRED",
        "LinkState.OPEN",
        "tests/unit/edge/test_verification.py::test_an_expired_link_says_so_and_verifies_nothing",
    ),
    Mutant(
        "a link leads only where the mail said",
        "kit/mac.py",
        "            inner.update(end)\n",
        "",
        "tests/unit/kit/test_tracking_links.py::test_a_mangled_link_leads_where_it_did_or_nowhere",
    ),
    Mutant(
        "what its sender has signed is not rewritten",
        "delivery/transform/shown_parts.py",
        "if part.content_type in _CLOSED:",
        "if not part:",
        "tests/unit/delivery/transform/test_tracking.py::test_a_message_keeps_all_that_is_no_link",
    ),
    Mutant(
        "a far side that takes nothing now costs mail no attempt",
        "delivery/close.py",
        "tries=int(is_attempt)",
        "tries=1",
        "tests/scenarios/test_upstream.py::test_a_day_that_is_used_up_holds_the_mail_says_so_and_frees_itself",
    ),
    Mutant(
        "the pace to another SES counts recipients",
        "delivery/pacer.py",
        "cost = max(1, recipients) if hop.egress == OTHER_SES else 1",
        "cost = 1",
        "tests/scenarios/test_upstream.py::test_recipients_are_what_the_pace_counts",
    ),
    Mutant(
        "a call whose answer was lost is the same call again",
        "delivery/transport/ses.py",
        "str(uuid.uuid5(_CALLS, name))",
        "str(uuid.uuid4()) + name[:0]",
        "tests/faults/test_upstream.py::test_a_kill_between_send_and_commit_makes_the_same_call_again",
    ),
    Mutant(
        "a message is known by the id that another SES gave it",
        "delivery/close.py",
        "        yield from upstream_ids.link(links)\n",
        "        del links\n",
        "tests/scenarios/test_upstream_peers.py::test_a_message_is_one_here_and_there",
    ),
    Mutant(
        "an event counts at its own time",
        "stats/fold.py",
        "at = minute_of(event.happened_at)\n    counts",
        "at = minute_of(event.recorded_at)\n    counts",
        "tests/unit/stats/test_follow.py::test_counters_equal_a_count_of_the_whole_log",
    ),
    Mutant(
        "a recipient who opens again is not another one",
        "stats/follow.py",
        "        if at is not None and at <= event.happened_at:\n            continue\n",
        "",
        "tests/unit/stats/test_query.py::test_unique_opens_count_at_the_first_time_however_late_that_is_told",
    ),
    Mutant(
        "the values of a tag cannot fill the store",
        "store/counters.py",
        "new[: max(0, most - rows[0][0])]",
        "new",
        "tests/unit/store/test_counters.py::test_only_so_many_members_of_a_day_have_counters_of_their_own",
    ),
    Mutant(
        "a key shows the statistics of its own account",
        "dashboard/overview.py",
        'viewer.account or asked.get("account", "")',
        'asked.get("account", "") or viewer.account',
        "tests/unit/dashboard/test_statistics_pages.py::test_a_key_shows_the_statistics_of_its_account_alone",
    ),
    Mutant(
        "a customer sees the mail of their own tenant alone",
        "operate/history.py",
        "(history.message.region, history.tenant) != (scope.region, tenant)",
        "history.message.region != scope.region",
        "tests/unit/dashboard/test_customers_view.py::test_the_messages_of_the_tenant_and_no_others",
    ),
    Mutant(
        "a post whose signature is wrong is refused",
        "edge/events_in.py",
        "                upstream.verifier.check(message, url)\n                self._keep(",
        "                self._keep(",
        "tests/unit/edge/test_events_in.py::test_what_was_altered_on_the_way_is_refused",
    ),
    Mutant(
        "a post is answered when it is on disk",
        "upstream/keeping.py",
        "kept = await self._written([post for post, _ in group])",
        "kept, _ = True, asyncio.create_task(self._written([post for post, _ in group]))",
        "tests/unit/upstream/test_keeping.py::test_what_comes_in_one_turn_of_the_loop_is_one_group",
    ),
    Mutant(
        "bodies on the short road count as held",
        "edge/short_road.py",
        "            self._bodies.hold(len(piece))\n",
        "            pass\n",
        "tests/unit/edge/test_short_road.py::test_a_body_for_which_there_is_no_room_is_asked_for_again",
    ),
    Mutant(
        "answers on one connection keep the order of its requests",
        "edge/connection.py",
        "            and (self.cycle is None or self.cycle.response_complete)\n",
        "",
        "tests/unit/edge/test_short_road.py::test_what_comes_behind_an_answer_that_is_still_made_waits_for_it",
    ),
]


# The campaign breaks every promise; each run these, which would cost the most.
IN_EVERY_RUN = {
    "a commit is on disk before the answer",
    "a body is on disk before the answer",
    "a signature is verified",
    "mail by SMTP needs a login",
    "only CRLF.CRLF ends a message",
    "what was deferred is tried again",
    "a worker that lost its lease records nothing",
    "a provider is never sent to faster than its pace",
    "whoever is suppressed gets no attempt",
    "mail is signed as it leaves",
    "the quota is judged with the write",
    "a call that is made again is one message",
    "a key shows the statistics of its own account",
}
BROKEN = [mutant for mutant in MUTANTS if os.environ.get("TEST_CAMPAIGN") or mutant.promise in IN_EVERY_RUN]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.promise)
def test_a_promise_is_kept_by_the_line_and_held_by_the_test_that_are_named(mutant: Mutant) -> None:
    place, _, test = mutant.test.partition("::")
    assert mutant.line in (ROOT / "src" / "pillarbox" / mutant.file).read_text()
    assert f"def {test.partition('[')[0].rpartition('::')[2]}(" in (ROOT / place).read_text()


def test_what_is_broken_in_every_run_is_there() -> None:
    assert {mutant.promise for mutant in MUTANTS} >= IN_EVERY_RUN


@pytest.mark.parametrize("mutant", BROKEN, ids=lambda mutant: mutant.promise)
def test_a_broken_promise_turns_its_test_red(tmp_path: Path, mutant: Mutant) -> None:
    # What is compiled comes along, and stands for every module but the one that is broken here.
    shutil.copytree(ROOT / "src" / "pillarbox", tmp_path / "pillarbox")
    broken = tmp_path / "pillarbox" / mutant.file
    text = broken.read_text()
    assert mutant.line in text, f"{mutant.file} no longer has the line that keeps the promise"
    broken.write_text(text.replace(mutant.line, mutant.broken))

    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", mutant.test]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)

    # 1 is "tests ran and some failed"; anything else would be a fault of the harness.
    assert done.returncode == 1, done.stdout[-2000:]
