"""Identities in v2."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pillarbox.resources import identities
from tests.support.refused import refused
from tests.support.server import Server

MISSING = "Identity missing.example does not exist."


def test_create_email_identity_of_a_domain_sets_easy_dkim_up(production: Server) -> None:
    ses = production.client("sesv2")
    made = ses.create_email_identity(EmailIdentity="Example.com", Tags=[{"Key": "team", "Value": "red"}])

    assert (made["IdentityType"], made["VerifiedForSendingStatus"]) == ("DOMAIN", False)
    dkim = made["DkimAttributes"]
    assert (dkim["SigningEnabled"], dkim["Status"], len(dkim["Tokens"])) == (True, "PENDING", 3)
    found = ses.get_email_identity(EmailIdentity="example.com")
    assert found["DkimAttributes"] == dkim
    assert found["Tags"] == [{"Key": "team", "Value": "red"}]
    assert (found["VerificationStatus"], found["FeedbackForwardingStatus"]) == ("PENDING", True)


def test_create_email_identity_of_an_address_has_no_dkim(production: Server) -> None:
    made = production.client("sesv2").create_email_identity(EmailIdentity="jo@example.com")
    assert made["IdentityType"] == "EMAIL_ADDRESS"
    assert (made["DkimAttributes"]["SigningEnabled"], made["DkimAttributes"]["Status"]) == (False, "NOT_STARTED")


def test_an_identity_that_the_operator_vouched_for_may_send(production: Server) -> None:
    ses = production.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    production.vouch("example.com")
    found = ses.get_email_identity(EmailIdentity="example.com")
    assert (found["VerifiedForSendingStatus"], found["VerificationStatus"]) == (True, "SUCCESS")
    assert found["VerificationInfo"]["LastSuccessTimestamp"]


def test_create_email_identity_is_verified_at_once_in_dev_mode(server: Server) -> None:
    assert server.client("sesv2").create_email_identity(EmailIdentity="example.com")["VerifiedForSendingStatus"]


def test_create_email_identity_refuses_a_second_of_the_name(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    with refused("AlreadyExistsException"):
        ses.create_email_identity(EmailIdentity="EXAMPLE.com")


@pytest.mark.parametrize("name", ["no domain", "jo@", "jo@localhost"])
def test_create_email_identity_refuses_what_can_be_none(server: Server, name: str) -> None:
    ses = server.client("sesv2")
    with refused("BadRequestException"):
        ses.create_email_identity(EmailIdentity=name)
    assert ses.list_email_identities()["EmailIdentities"] == []


def test_create_email_identity_with_a_configuration_set_that_must_exist(server: Server) -> None:
    ses = server.client("sesv2")
    with refused("NotFoundException", "Configuration set <news> does not exist.", 404):
        ses.create_email_identity(EmailIdentity="example.com", ConfigurationSetName="news")
    ses.create_configuration_set(ConfigurationSetName="news")
    ses.create_email_identity(EmailIdentity="example.com", ConfigurationSetName="news")
    assert ses.get_email_identity(EmailIdentity="example.com")["ConfigurationSetName"] == "news"


@pytest.fixture(scope="module")
def own_key() -> str:
    """A key of somebody's own, as the API takes it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    der = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    return base64.b64encode(der).decode()


@pytest.mark.parametrize(
    "attributes",
    [
        {"DomainSigningSelector": "mine"},
        {"DomainSigningPrivateKey": "MIIE"},
        {"DomainSigningSelector": "mine", "DomainSigningPrivateKey": "MIIE"},
        {"DomainSigningAttributesOrigin": "EXTERNAL"},
        {"DomainSigningAttributesOrigin": "AWS_SES_EU_WEST_1"},
        {"DomainSigningSelector": "m", "DomainSigningPrivateKey": "MIIE", "NextSigningKeyLength": "RSA_1024_BIT"},
    ],
)
def test_signing_that_cannot_be_is_refused_by_name(server: Server, attributes: dict[str, str]) -> None:
    ses = server.client("sesv2")
    with refused("BadRequestException"):
        ses.create_email_identity(EmailIdentity="example.com", DkimSigningAttributes=attributes)
    assert ses.list_email_identities()["EmailIdentities"] == []


def test_create_email_identity_with_a_key_of_ones_own(production: Server, own_key: str) -> None:
    ses = production.client("sesv2")
    made = ses.create_email_identity(
        EmailIdentity="example.com",
        DkimSigningAttributes={"DomainSigningSelector": "mine", "DomainSigningPrivateKey": own_key},
    )
    expected = {
        "SigningEnabled": True,
        "Status": "PENDING",
        "Tokens": ["mine"],
        "SigningAttributesOrigin": "EXTERNAL",
    }
    assert made["DkimAttributes"] == expected
    assert ses.get_email_identity(EmailIdentity="example.com")["DkimAttributes"] == expected


def test_an_address_has_no_key_of_its_own(server: Server, own_key: str) -> None:
    ses = server.client("sesv2")
    own = {"DomainSigningSelector": "mine", "DomainSigningPrivateKey": own_key}
    with refused("BadRequestException"):
        ses.create_email_identity(EmailIdentity="jo@example.com", DkimSigningAttributes=own)
    ses.create_email_identity(EmailIdentity="jo@example.com")
    with refused("BadRequestException"):
        ses.put_email_identity_dkim_signing_attributes(
            EmailIdentity="jo@example.com", SigningAttributesOrigin="EXTERNAL", SigningAttributes=own
        )


def test_create_email_identity_with_a_short_key(server: Server) -> None:
    made = server.client("sesv2").create_email_identity(
        EmailIdentity="example.com", DkimSigningAttributes={"NextSigningKeyLength": "RSA_1024_BIT"}
    )["DkimAttributes"]
    assert (made["CurrentSigningKeyLength"], made["NextSigningKeyLength"]) == ("RSA_1024_BIT", "RSA_1024_BIT")
    assert (made["Status"], made["SigningAttributesOrigin"]) == ("SUCCESS", "AWS_SES")
    assert made["LastKeyGenerationTimestamp"]


def test_put_email_identity_dkim_signing_attributes_changes_to_a_key_of_ones_own_and_back(
    server: Server, own_key: str
) -> None:
    ses = server.client("sesv2")
    tokens = ses.create_email_identity(EmailIdentity="example.com")["DkimAttributes"]["Tokens"]

    own = ses.put_email_identity_dkim_signing_attributes(
        EmailIdentity="example.com",
        SigningAttributesOrigin="EXTERNAL",
        SigningAttributes={"DomainSigningSelector": "mine", "DomainSigningPrivateKey": own_key},
    )
    assert (own["DkimStatus"], own["DkimTokens"]) == ("SUCCESS", ["mine"])

    easy = ses.put_email_identity_dkim_signing_attributes(
        EmailIdentity="example.com", SigningAttributesOrigin="AWS_SES"
    )
    assert (easy["DkimStatus"], easy["DkimTokens"]) == ("SUCCESS", tokens)
    found = ses.get_email_identity(EmailIdentity="example.com")["DkimAttributes"]
    assert (found["SigningAttributesOrigin"], found["CurrentSigningKeyLength"]) == ("AWS_SES", "RSA_2048_BIT")


def test_put_email_identity_dkim_signing_attributes_changes_the_length_once_a_day(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    with refused("BadRequestException", "The length of DKIM signing keys can be changed once in 24 hours at the most."):
        ses.put_email_identity_dkim_signing_attributes(
            EmailIdentity="example.com",
            SigningAttributesOrigin="AWS_SES",
            SigningAttributes={"NextSigningKeyLength": "RSA_1024_BIT"},
        )


@pytest.mark.parametrize(
    ("origin", "attributes"),
    [
        ("EXTERNAL", {}),
        ("AWS_SES", {"DomainSigningSelector": "mine", "DomainSigningPrivateKey": "MIIE"}),
        ("AWS_SES_EU_WEST_1", {}),
    ],
)
def test_put_email_identity_dkim_signing_attributes_refuses_what_does_not_fit(
    server: Server, origin: str, attributes: dict[str, str]
) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    before = ses.get_email_identity(EmailIdentity="example.com")["DkimAttributes"]
    with refused("BadRequestException"):
        ses.put_email_identity_dkim_signing_attributes(
            EmailIdentity="example.com", SigningAttributesOrigin=origin, SigningAttributes=attributes
        )
    assert ses.get_email_identity(EmailIdentity="example.com")["DkimAttributes"] == before


def test_put_email_identity_dkim_attributes_switches_signing_off_and_on(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    for enabled in (False, True):
        ses.put_email_identity_dkim_attributes(EmailIdentity="example.com", SigningEnabled=enabled)
        assert ses.get_email_identity(EmailIdentity="example.com")["DkimAttributes"]["SigningEnabled"] is enabled


def test_put_email_identity_dkim_attributes_needs_a_domain_that_is_set_up(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="jo@example.com")
    with refused("BadRequestException"):
        ses.put_email_identity_dkim_attributes(EmailIdentity="jo@example.com", SigningEnabled=True)


def test_put_email_identity_mail_from_attributes_sets_and_clears(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    ses.put_email_identity_mail_from_attributes(
        EmailIdentity="example.com", MailFromDomain="bounce.example.com", BehaviorOnMxFailure="REJECT_MESSAGE"
    )
    assert ses.get_email_identity(EmailIdentity="example.com")["MailFromAttributes"] == {
        "MailFromDomain": "bounce.example.com",
        "MailFromDomainStatus": "SUCCESS",
        "BehaviorOnMxFailure": "REJECT_MESSAGE",
    }
    ses.put_email_identity_mail_from_attributes(EmailIdentity="example.com")
    assert "MailFromAttributes" not in ses.get_email_identity(EmailIdentity="example.com")


def test_put_email_identity_mail_from_attributes_takes_subdomains_only(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    with refused("BadRequestException"):
        ses.put_email_identity_mail_from_attributes(EmailIdentity="example.com", MailFromDomain="example.com")


def test_signing_at_the_default_is_accepted(server: Server) -> None:
    server.client("sesv2").create_email_identity(
        EmailIdentity="example.com",
        DkimSigningAttributes={"NextSigningKeyLength": "RSA_2048_BIT", "DomainSigningAttributesOrigin": "AWS_SES"},
    )


def test_list_email_identities_with_filters_and_pages(production: Server) -> None:
    ses = production.client("sesv2")
    for name in ("b.example", "a.example", "jo@a.example"):
        ses.create_email_identity(EmailIdentity=name)
    production.vouch("b.example")

    first = ses.list_email_identities(PageSize=2)
    assert [row["IdentityName"] for row in first["EmailIdentities"]] == ["a.example", "b.example"]
    rest = ses.list_email_identities(PageSize=2, NextToken=first["NextToken"])
    assert rest["EmailIdentities"] == [
        {
            "IdentityType": "EMAIL_ADDRESS",
            "IdentityName": "jo@a.example",
            "SendingEnabled": False,
            "VerificationStatus": "PENDING",
        }
    ]
    assert "NextToken" not in rest

    def names(**wanted: str) -> list[str]:
        return [row["IdentityName"] for row in ses.list_email_identities(Filter=wanted)["EmailIdentities"]]

    assert names(IDENTITY_TYPE="DOMAIN") == ["a.example", "b.example"]
    assert names(VERIFICATION_STATUS="SUCCESS") == ["b.example"]
    assert names(IDENTITY_NAME_CONTAINS="A.ex") == ["a.example", "jo@a.example"]


def test_list_email_identities_refuses_what_cannot_be(server: Server) -> None:
    ses = server.client("sesv2")
    for params in (
        {"PageSize": 1001},
        {"NextToken": "never given"},
        {"Filter": {"IDENTITY_TYPE": "PLANET"}},
        {"Filter": {"VERIFICATION_STATUS": "MAYBE"}},
    ):
        with refused("BadRequestException"):
            ses.list_email_identities(**params)


def test_delete_email_identity_minds_that_there_is_none(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="jo@example.com")
    ses.delete_email_identity(EmailIdentity="jo@example.com")
    with refused("NotFoundException", "Identity jo@example.com does not exist.", 404):
        ses.delete_email_identity(EmailIdentity="jo@example.com")


def test_put_email_identity_feedback_attributes_needs_no_topics(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    for enabled in (False, True):
        ses.put_email_identity_feedback_attributes(EmailIdentity="example.com", EmailForwardingEnabled=enabled)
        assert ses.get_email_identity(EmailIdentity="example.com")["FeedbackForwardingStatus"] is enabled


def test_put_email_identity_configuration_set_attributes_sets_and_clears(server: Server) -> None:
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    with refused("NotFoundException", "Configuration set <news> does not exist.", 404):
        ses.put_email_identity_configuration_set_attributes(EmailIdentity="example.com", ConfigurationSetName="news")
    ses.create_configuration_set(ConfigurationSetName="news")
    ses.put_email_identity_configuration_set_attributes(EmailIdentity="example.com", ConfigurationSetName="news")
    assert ses.get_email_identity(EmailIdentity="example.com")["ConfigurationSetName"] == "news"
    ses.put_email_identity_configuration_set_attributes(EmailIdentity="example.com")
    assert "ConfigurationSetName" not in ses.get_email_identity(EmailIdentity="example.com")


@pytest.mark.parametrize(
    "operation",
    [
        "get_email_identity",
        "delete_email_identity",
        "put_email_identity_feedback_attributes",
        "put_email_identity_configuration_set_attributes",
        "put_email_identity_dkim_attributes",
        "put_email_identity_mail_from_attributes",
    ],
)
def test_an_identity_that_is_not_there_is_named(server: Server, operation: str) -> None:
    with refused("NotFoundException", MISSING, 404):
        getattr(server.client("sesv2"), operation)(EmailIdentity="missing.example")


def test_signing_attributes_of_an_identity_that_is_not_there(server: Server) -> None:
    with refused("NotFoundException", MISSING, 404):
        server.client("sesv2").put_email_identity_dkim_signing_attributes(
            EmailIdentity="missing.example", SigningAttributesOrigin="AWS_SES"
        )


def test_identities_belong_to_one_account_in_one_region(server: Server) -> None:
    server.client("sesv2").create_email_identity(EmailIdentity="example.com")
    for other in (server.client("sesv2", region="eu-west-1"), server.client("sesv2", account="999999999992")):
        assert other.list_email_identities()["EmailIdentities"] == []
        with refused("NotFoundException", status=404):
            other.get_email_identity(EmailIdentity="example.com")


def test_create_email_identity_stops_at_the_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "MOST_IDENTITIES", 1)
    ses = server.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    with refused("LimitExceededException", "You have reached the maximum of 1 identities in this region."):
        ses.create_email_identity(EmailIdentity="example.org")
