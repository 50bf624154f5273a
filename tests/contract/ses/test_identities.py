"""Identities in v1."""

import re

import pytest

from tests.support.refused import refused
from tests.support.server import Server


def statuses(client, *names: str) -> dict[str, str]:  # type: ignore[no-untyped-def]
    found = client.get_identity_verification_attributes(Identities=list(names))["VerificationAttributes"]
    return {name: attributes["VerificationStatus"] for name, attributes in found.items()}


def test_verify_email_identity_is_at_once_in_dev_mode(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_email_identity(EmailAddress="jo@example.com")
    assert statuses(ses, "jo@example.com") == {"jo@example.com": "Success"}


def test_identities_are_pending_until_the_operator_vouches_for_them(production: Server) -> None:
    ses = production.client("ses")
    ses.verify_email_identity(EmailAddress="jo@example.com")
    ses.verify_domain_identity(Domain="example.com")
    pending = {"jo@example.com": "Pending", "example.com": "Pending"}
    assert statuses(ses, *pending) == pending

    production.vouch("example.com")

    assert statuses(ses, *pending) == pending | {"example.com": "Success"}


def test_verify_email_address_is_the_old_name_of_the_same(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_email_address(EmailAddress="jo@example.com")
    assert ses.list_identities()["Identities"] == ["jo@example.com"]


@pytest.mark.parametrize("operation", ["verify_email_identity", "verify_email_address"])
def test_what_is_no_address_is_refused(server: Server, operation: str) -> None:
    ses = server.client("ses")
    with refused("InvalidParameterValue", "Invalid email address<example.com>."):
        getattr(ses, operation)(EmailAddress="example.com")
    assert ses.list_identities()["Identities"] == []


def test_verify_domain_identity_answers_the_same_token_each_time(server: Server) -> None:
    ses = server.client("ses")
    token = ses.verify_domain_identity(Domain="example.com")["VerificationToken"]
    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", token)
    assert ses.verify_domain_identity(Domain="EXAMPLE.com")["VerificationToken"] == token
    found = ses.get_identity_verification_attributes(Identities=["Example.com"])["VerificationAttributes"]
    assert found == {"Example.com": {"VerificationStatus": "Success", "VerificationToken": token}}


@pytest.mark.parametrize("operation", ["verify_domain_identity", "verify_domain_dkim"])
def test_what_is_no_domain_is_refused(server: Server, operation: str) -> None:
    with refused("InvalidParameterValue", "Invalid domain name jo@example.com."):
        getattr(server.client("ses"), operation)(Domain="jo@example.com")


def test_verify_domain_dkim_creates_the_identity_and_answers_three_tokens(server: Server) -> None:
    ses = server.client("ses")
    tokens = ses.verify_domain_dkim(Domain="example.com")["DkimTokens"]
    assert len(set(tokens)) == 3
    assert all(re.fullmatch(r"[a-z2-7]{32}", token) for token in tokens)
    assert ses.verify_domain_dkim(Domain="example.com")["DkimTokens"] == tokens


def test_get_identity_dkim_attributes_tells_what_the_dns_has_shown(server: Server, production: Server) -> None:
    for one, status in ((server, "Success"), (production, "Pending")):
        ses = one.client("ses")
        tokens = ses.verify_domain_dkim(Domain="example.com")["DkimTokens"]
        assert ses.get_identity_dkim_attributes(Identities=["example.com"])["DkimAttributes"] == {
            "example.com": {"DkimEnabled": True, "DkimVerificationStatus": status, "DkimTokens": tokens}
        }


def test_set_identity_dkim_enabled_switches_signing_off_and_on(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_dkim(Domain="example.com")
    for enabled in (False, True):
        ses.set_identity_dkim_enabled(Identity="Example.com", DkimEnabled=enabled)
        (attributes,) = ses.get_identity_dkim_attributes(Identities=["example.com"])["DkimAttributes"].values()
        assert (attributes["DkimEnabled"], attributes["DkimVerificationStatus"]) == (enabled, "Success")


def test_set_identity_dkim_enabled_needs_a_domain_that_is_set_up(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_email_identity(EmailAddress="jo@example.com")
    ses.verify_domain_identity(Domain="example.com")
    for name in ("jo@example.com", "example.com"):
        with refused(
            "InvalidParameterValue", f"DKIM is not set up for identity {name}: verify the domain for DKIM first."
        ):
            ses.set_identity_dkim_enabled(Identity=name, DkimEnabled=True)
    ses.verify_domain_dkim(Domain="example.com")
    ses.set_identity_dkim_enabled(Identity="jo@example.com", DkimEnabled=True)


def test_set_identity_dkim_enabled_names_what_is_not_there(server: Server) -> None:
    with refused("InvalidParameterValue", "Identity missing.example does not exist."):
        server.client("ses").set_identity_dkim_enabled(Identity="missing.example", DkimEnabled=False)


def test_set_identity_mail_from_domain_sets_and_clears(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")

    def told() -> dict[str, dict[str, str]]:
        names = ["example.com", "missing.example"]
        return ses.get_identity_mail_from_domain_attributes(Identities=names)["MailFromDomainAttributes"]  # type: ignore[no-any-return]

    assert told() == {}
    ses.set_identity_mail_from_domain(Identity="example.com", MailFromDomain="Bounce.example.com")
    domain, status = "bounce.example.com", "Success"
    expected = {"MailFromDomain": domain, "MailFromDomainStatus": status, "BehaviorOnMXFailure": "UseDefaultValue"}
    assert told() == {"example.com": expected}
    ses.set_identity_mail_from_domain(
        Identity="example.com", MailFromDomain="bounce.example.com", BehaviorOnMXFailure="RejectMessage"
    )
    assert told() == {"example.com": expected | {"BehaviorOnMXFailure": "RejectMessage"}}
    ses.set_identity_mail_from_domain(Identity="example.com")
    assert told() == {}


@pytest.mark.parametrize("domain", ["example.com", "bounce.example.net", "notexample.com"])
def test_set_identity_mail_from_domain_takes_subdomains_only(server: Server, domain: str) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    with refused(
        "InvalidParameterValue",
        f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity <example.com>.",
    ):
        ses.set_identity_mail_from_domain(Identity="example.com", MailFromDomain=domain)


def test_set_identity_mail_from_domain_names_what_is_not_there(server: Server) -> None:
    with refused("InvalidParameterValue", "Identity missing.example does not exist."):
        server.client("ses").set_identity_mail_from_domain(
            Identity="missing.example", MailFromDomain="a.missing.example"
        )


def test_a_mail_from_domain_needs_a_service_domain_that_its_record_can_point_to(production: Server) -> None:
    ses = production.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    with refused("InvalidParameterValue"):
        ses.set_identity_mail_from_domain(Identity="example.com", MailFromDomain="bounce.example.com")


def test_get_identity_mail_from_domain_attributes_of_a_hundred_at_the_most(server: Server) -> None:
    with refused("InvalidParameterValue"):
        server.client("ses").get_identity_mail_from_domain_attributes(
            Identities=[f"d{number}.example" for number in range(101)]
        )


def test_get_identity_dkim_attributes_of_an_identity_without_dkim(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    assert ses.get_identity_dkim_attributes(Identities=["example.com", "missing.example"])["DkimAttributes"] == {
        "example.com": {"DkimEnabled": False, "DkimVerificationStatus": "NotStarted"}
    }


@pytest.mark.parametrize("operation", ["get_identity_dkim_attributes", "get_identity_verification_attributes"])
def test_a_hundred_identities_are_asked_for_at_the_most(server: Server, operation: str) -> None:
    ask = getattr(server.client("ses"), operation)
    names = [f"d{number}.example" for number in range(101)]
    ask(Identities=names[:100])
    with refused("InvalidParameterValue"):
        ask(Identities=names)


def test_get_identity_verification_attributes_has_no_token_for_an_address(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_email_identity(EmailAddress="jo@example.com")
    found = ses.get_identity_verification_attributes(Identities=["jo@example.com", "al@example.com"])
    assert found["VerificationAttributes"] == {"jo@example.com": {"VerificationStatus": "Success"}}


def test_delete_identity_does_not_mind_that_there_is_none(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_domain_identity(Domain="example.com")
    for _ in range(2):
        ses.delete_identity(Identity="Example.com")
    assert ses.list_identities()["Identities"] == []


def test_delete_verified_email_address_is_the_old_name_of_the_same(server: Server) -> None:
    ses = server.client("ses")
    ses.verify_email_identity(EmailAddress="jo@example.com")
    for _ in range(2):
        ses.delete_verified_email_address(EmailAddress="jo@example.com")
    assert ses.list_identities()["Identities"] == []


def test_list_identities_by_type_and_in_pages(server: Server) -> None:
    ses = server.client("ses")
    for name in ("c.example", "a.example", "b.example"):
        ses.verify_domain_identity(Domain=name)
    ses.verify_email_identity(EmailAddress="jo@a.example")

    assert ses.list_identities(IdentityType="EmailAddress")["Identities"] == ["jo@a.example"]
    first = ses.list_identities(IdentityType="Domain", MaxItems=2)
    assert first["Identities"] == ["a.example", "b.example"]
    rest = ses.list_identities(IdentityType="Domain", MaxItems=2, NextToken=first["NextToken"])
    assert rest["Identities"] == ["c.example"]
    assert "NextToken" not in rest


def test_list_identities_refuses_a_page_or_a_token_that_cannot_be(server: Server) -> None:
    ses = server.client("ses")
    with refused("InvalidParameterValue"):
        ses.list_identities(MaxItems=1001)
    with refused("InvalidParameterValue"):
        ses.list_identities(NextToken="never given")
    with refused("ValidationError"):
        ses.list_identities(IdentityType="Planet")


def test_list_verified_email_addresses_leaves_domains_and_pending_ones_out(production: Server) -> None:
    ses = production.client("ses")
    ses.verify_email_identity(EmailAddress="new@example.com")
    production.vouch("example.com")
    production.vouch("jo@example.com")
    assert ses.list_verified_email_addresses()["VerifiedEmailAddresses"] == ["jo@example.com"]


def test_identities_belong_to_one_account_in_one_region(server: Server) -> None:
    server.client("ses").verify_domain_identity(Domain="example.com")
    for other in (server.client("ses", region="eu-west-1"), server.client("ses", account="999999999999")):
        assert "example.com" not in other.list_identities()["Identities"]
        assert statuses(other, "example.com") == {}
        other.delete_identity(Identity="example.com")
    assert server.client("ses").list_identities()["Identities"] == ["example.com"]


def test_v1_and_v2_see_one_identity(server: Server) -> None:
    v1, v2 = server.client("ses"), server.client("sesv2")
    tokens = v1.verify_domain_dkim(Domain="example.com")["DkimTokens"]
    assert v2.get_email_identity(EmailIdentity="example.com")["DkimAttributes"]["Tokens"] == tokens
    v2.delete_email_identity(EmailIdentity="example.com")
    assert v1.list_identities()["Identities"] == []
