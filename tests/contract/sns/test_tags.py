"""The tags of topics, as boto3 sees them."""

from tests.support.refused import refusal_of
from tests.support.server import Server


def test_tag_resource_untag_resource_and_list_tags_for_resource(server: Server) -> None:
    sns = server.client("sns")
    arn = sns.create_topic(Name="events", Tags=[{"Key": "k1", "Value": "v1"}, {"Key": "k2", "Value": "v2"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "k2", "Value": "v2b"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["k1"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "k2", "Value": "v2b"}]


def test_tags_that_cannot_be(server: Server) -> None:
    sns = server.client("sns")
    twice = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    assert refusal_of(sns.create_topic, Name="events", Tags=twice) == (
        "InvalidParameter",
        "Invalid parameter: Duplicated keys are not allowed.",
        400,
    )
    arn = sns.create_topic(Name="events")["TopicArn"]
    many = [{"Key": str(number), "Value": ""} for number in range(51)]
    assert refusal_of(sns.tag_resource, ResourceArn=arn, Tags=many)[0] == "TagLimitExceeded"
    sns.delete_topic(TopicArn=arn)
    missing = refusal_of(sns.list_tags_for_resource, ResourceArn=arn)
    assert missing == ("ResourceNotFound", "Resource does not exist", 404)
