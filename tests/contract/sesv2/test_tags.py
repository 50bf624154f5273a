"""Resource tags."""

import pytest

from tests.support.refused import refused
from tests.support.server import Server


@pytest.fixture
def ses(server: Server):  # type: ignore[no-untyped-def]
    """A v2 client of an account with an identity, a configuration set and a template."""
    client = server.client("sesv2")
    client.create_email_identity(EmailIdentity="jo@example.com")
    client.create_configuration_set(ConfigurationSetName="news")
    client.create_email_template(TemplateName="hello", TemplateContent={"Subject": "Hello", "Text": "You"})
    return client


@pytest.mark.parametrize("resource", ["identity/jo@example.com", "configuration-set/news", "template/hello"])
def test_tag_resource_list_tags_for_resource_and_untag_resource(server: Server, ses, resource: str) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:{resource}"
    ses.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}, {"Key": "a/b", "Value": ""}])
    ses.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "blue"}])
    assert ses.list_tags_for_resource(ResourceArn=arn)["Tags"] == [
        {"Key": "team", "Value": "blue"},
        {"Key": "a/b", "Value": ""},
    ]
    ses.untag_resource(ResourceArn=arn, TagKeys=["a/b", "never there"])
    assert ses.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_tags_are_seen_with_the_resource(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:configuration-set/news"
    ses.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}])
    assert ses.get_configuration_set(ConfigurationSetName="news")["Tags"] == [{"Key": "team", "Value": "red"}]


def test_only_what_exists_here_is_tagged(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    own = f"arn:aws:ses:us-east-1:{server.account}:configuration-set/news"
    for arn in (own + "2", own.replace("us-east-1", "eu-west-1"), own.replace(server.account, "999999999989")):
        text = f"Resource {arn} does not exist."
        with refused("NotFoundException", text, 404):
            ses.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}])
        with refused("NotFoundException", text, 404):
            ses.untag_resource(ResourceArn=arn, TagKeys=["team"])
        with refused("NotFoundException", text, 404):
            ses.list_tags_for_resource(ResourceArn=arn)
    other = server.client("sesv2", account="999999999989")
    with refused("NotFoundException", status=404):
        other.tag_resource(ResourceArn=own, Tags=[{"Key": "team", "Value": "red"}])


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "aws:mine", "Value": "x"}],
        [{"Key": "pillarbox:never-heard-of", "Value": "x"}],
        [{"Key": "k" * 129, "Value": "x"}],
        [{"Key": f"k{number}", "Value": "x"} for number in range(51)],
    ],
)
def test_a_tag_that_cannot_be_is_refused(server: Server, ses, tags: list[dict[str, str]]) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:configuration-set/news"
    with refused("BadRequestException"):
        ses.tag_resource(ResourceArn=arn, Tags=tags)
    assert ses.list_tags_for_resource(ResourceArn=arn)["Tags"] == []


def test_what_is_no_arn_of_ses_is_refused(ses) -> None:  # type: ignore[no-untyped-def]
    with refused("BadRequestException"):
        ses.list_tags_for_resource(ResourceArn="news")


def split_by(value: str) -> list[dict[str, str]]:
    return [{"Key": "pillarbox:split-recipients", "Value": value}]


def send_to(ses, count: int) -> None:  # type: ignore[no-untyped-def]
    ses.send_email(
        FromEmailAddress="jo@example.com",
        Destination={"ToAddresses": [f"p{number}@example.net" for number in range(count)]},
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "You"}}}},
        ConfigurationSetName="news",
    )


def test_a_configuration_set_is_told_by_a_tag_to_split_recipients(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:configuration-set/news"
    with refused("BadRequestException", "Recipient count exceeds 50."):
        send_to(ses, 51)
    ses.tag_resource(ResourceArn=arn, Tags=split_by("true"))
    send_to(ses, 51)
    with refused("BadRequestException", "Recipient count exceeds 10000."):
        send_to(ses, 10_001)
    ses.tag_resource(ResourceArn=arn, Tags=split_by("false"))
    with refused("BadRequestException", "Recipient count exceeds 50."):
        send_to(ses, 51)
    ses.create_configuration_set(ConfigurationSetName="new", Tags=split_by("true"))
    assert ses.get_configuration_set(ConfigurationSetName="new")["Tags"] == split_by("true")


def test_an_instruction_that_is_not_understood_is_refused(server: Server, ses) -> None:  # type: ignore[no-untyped-def]
    arn = f"arn:aws:ses:us-east-1:{server.account}:"
    with refused("BadRequestException", "Invalid tag value <yes>: pillarbox:split-recipients is one of true, false."):
        ses.tag_resource(ResourceArn=f"{arn}configuration-set/news", Tags=split_by("yes"))
    with refused("BadRequestException"):
        ses.tag_resource(ResourceArn=f"{arn}identity/jo@example.com", Tags=split_by("true"))
    with refused("BadRequestException"):
        ses.create_configuration_set(ConfigurationSetName="other", Tags=split_by("yes"))
