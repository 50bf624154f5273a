"""How MTA-STS records and policies are read."""

import pytest

from pillarbox.delivery.transport.mta_sts import BadPolicy, Policy, covers, read_policy, read_record


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["v=STSv1; id=20260101T000000;"], "20260101T000000"),
        (["v=STSv1;id=a1"], "a1"),
        (["v=spf1 -all", "v=STSv1; id=1; more=x"], "1"),
        (["v=STSv1; id=1", "v=STSv1; id=2"], None),
        (["v=STSv1"], None),
        (["v=STSv1; id=not-good"], None),
        (["v=STSv1; id=" + "1" * 33], None),
        (["v=STSv12; id=1"], None),
        (["id=1; v=STSv1"], None),
        ([], None),
    ],
)
def test_the_record_tells_the_id_of_the_policy(texts: list[str], found: str | None) -> None:
    assert read_record(texts) == found


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_policy_is_read(end: str) -> None:
    lines = [
        "version: STSv1",
        "mode:enforce",
        "mx: MX1.example.net.",
        "mx: *.example.net",
        "max_age: 604800",
        "x: y",
        "",
    ]

    assert read_policy(end.join(lines).encode()) == Policy("enforce", ("mx1.example.net", "*.example.net"), 604_800)


def test_a_policy_without_hosts_is_good_only_when_it_asks_for_nothing() -> None:
    assert read_policy(b"version: STSv1\nmode: none\nmax_age: 1\n").mode == "none"
    with pytest.raises(BadPolicy, match="names no mx"):
        read_policy(b"version: STSv1\nmode: testing\nmax_age: 1\n")


def test_no_policy_lasts_longer_than_about_a_year() -> None:
    policy = read_policy(b"version: STSv1\nmode: enforce\nmx: a\nmax_age: 9999999999\n")

    assert policy.max_age_seconds == 31_557_600


def test_of_a_field_that_is_given_twice_the_first_counts() -> None:
    assert read_policy(b"version: STSv1\nmode: none\nmode: enforce\nmax_age: 1\nmx: a\n").mode == "none"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>not found</body></html>",
        b"version: STSv2\nmode: enforce\nmx: a\nmax_age: 1\n",
        b"version: STSv1\nmode: maybe\nmx: a\nmax_age: 1\n",
        b"version: STSv1\nmode: enforce\nmx: a\n",
        b"version: STSv1\nmode: enforce\nmx: a\nmax_age: -1\n",
        b"version: STSv1\nmode: enforce\nmx: a\nmax_age: soon\n",
        b"\xff\xfe",
    ],
)
def test_what_is_no_policy_is_not_read(body: bytes) -> None:
    with pytest.raises(BadPolicy):
        read_policy(body)


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("mx.example.net", True),
        ("a.mail.example.net", True),
        ("mail.example.net", False),
        ("a.b.mail.example.net", False),
        ("example.net", False),
        ("xmail.example.net", False),
    ],
)
def test_a_star_stands_for_one_label(host: str, covered: bool) -> None:
    assert covers(Policy("enforce", ("mx.example.net", "*.mail.example.net"), 1), host) == covered
