"""What records mean, compared with what was asked for."""

import pytest

from pillarbox.resources.identity_dns import Answer, Wanted, signing_zone, verdict_on, zone_of
from pillarbox.resources.verification import Seen, Verdict

TOKEN = Wanted("ownership", "_amazonses.example.com", "TXT", "Abc/def+=")
KEY = Wanted("dkim", "one._domainkey.example.com", "TXT", "v=DKIM1; k=rsa; p=MIIBIjAN")
ALIAS = Wanted("dkim", "one._domainkey.example.com", "CNAME", "one.dkim.post.example.org")
EXCHANGER = Wanted("mail from", "bounce.example.com", "MX", "10 feedback-smtp.eu-west-1.post.example.org")
POLICY = Wanted("spf", "bounce.example.com", "TXT", "v=spf1 include:post.example.org ~all")


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        (TOKEN, ["something else", " Abc/def+= "]),
        (KEY, ["v=DKIM1; k=rsa; p=MIIBIjAN"]),
        (KEY, ["k=rsa; t=s; p=MIIB IjAN;"]),
        (KEY, ["p=MIIBIjAN"]),
        (ALIAS, ["ONE.dkim.post.example.org"]),
        (EXCHANGER, ["5 feedback-smtp.eu-west-1.post.example.org"]),
        (POLICY, ["some site's proof", "V=SPF1 ip4:192.0.2.1 INCLUDE:post.example.org -all"]),
    ],
)
def test_what_is_wanted_is_found_however_it_is_written(wanted: Wanted, values: list[str]) -> None:
    assert verdict_on(wanted, Answer(tuple(values))) == Verdict(Seen.FOUND)


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        (TOKEN, ["abc/DEF+="]),  # base64 has two cases
        (KEY, ["v=DKIM1; k=rsa; p="]),  # a key that was revoked
        (KEY, ["v=DKIM1; k=rsa; p=MIIBIjANother"]),
        (KEY, ["nothing of that kind"]),
        (ALIAS, ["one.dkim.amazonses.com"]),
        (EXCHANGER, ["10 feedback-smtp.us-east-1.post.example.org"]),
        (EXCHANGER, ["10 feedback-smtp.eu-west-1.post.example.org", "20 mx.example.com"]),
        (POLICY, ["v=spf1 include:elsewhere.example ~all"]),
        (POLICY, ["v=spf1 include:post.example.org ~all", "v=spf1 -all"]),
        (POLICY, ["v=spf1 include:post.example.org.evil.example ~all"]),
    ],
)
def test_what_is_there_instead_is_told_from_what_is_wanted(wanted: Wanted, values: list[str]) -> None:
    assert verdict_on(wanted, Answer(tuple(values))) == Verdict(Seen.MISSING, "INVALID_VALUE")


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        ("HOST_NOT_FOUND", Seen.MISSING),
        ("TYPE_NOT_FOUND", Seen.MISSING),
        ("DNS_SERVER_ERROR", Seen.UNANSWERED),
    ],
)
def test_no_record_is_told_from_no_answer(error: str, seen: Seen) -> None:
    assert verdict_on(TOKEN, Answer(error=error)) == Verdict(seen, error)


def test_a_service_domain_below_localhost_is_in_no_dns() -> None:
    assert (zone_of("pillarbox.localhost"), zone_of("localhost"), signing_zone("x.localhost")) == (None, None, None)
    assert (zone_of("post.example.org"), signing_zone("post.example.org")) == (
        "post.example.org",
        "dkim.post.example.org",
    )
