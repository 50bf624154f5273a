"""Who takes mail, told from the names of mail exchangers."""

import pytest

from pillarbox.delivery.providers import owner_of, provider_of


@pytest.mark.parametrize(
    ("exchangers", "provider"),
    [
        (["aspmx.l.google.com", "alt1.aspmx.l.google.com"], "google"),
        (["gmail-smtp-in.l.google.com."], "google"),
        (["smtp.google.com"], "google"),
        (["example-com.mail.protection.outlook.com"], "microsoft365"),
        (["hotmail-com.olc.protection.outlook.com"], "outlook"),
        (["mta5.am0.yahoodns.net"], "yahoo"),
        (["mx01.mail.icloud.com"], "apple"),
        (["MX00.IONOS.DE"], "ionos"),
        (["in1-smtp.messagingengine.com"], "fastmail"),
        (["mxa-00012301.gslb.pphosted.com"], "proofpoint"),
        (["eu-smtp-inbound-1.mimecast.com"], "mimecast"),
        (["inbound-smtp.eu-west-1.amazonaws.com"], "amazon"),
        (["mx1.example.net", "mx2.example.org"], "example.net"),
        (["mail.firm.co.uk"], "firm.co.uk"),
        (["example.de"], "example.de"),
        (["mx.notgoogle.com"], "notgoogle.com"),
        ([""], ""),
        ([], ""),
    ],
)
def test_domains_hosted_by_one_provider_count_together(exchangers: list[str], provider: str) -> None:
    assert provider_of(exchangers) == provider


def test_the_preferred_exchanger_decides() -> None:
    assert provider_of(["mx.example.net", "aspmx.l.google.com"]) == "example.net"


@pytest.mark.parametrize(
    ("host", "owner"),
    [("a.b.c.com", "c.com"), ("a.b.com.br", "b.com.br"), ("co.uk", "co.uk"), ("localhost", "localhost")],
)
def test_the_owner_of_a_host_is_the_name_that_can_be_registered(host: str, owner: str) -> None:
    assert owner_of(host) == owner
