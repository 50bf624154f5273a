"""Tenants in v2: their resources, their switch, and what is sent for them."""

import re
from typing import Any

import pytest

from pillarbox.resources import tenants
from tests.support.refused import refused
from tests.support.server import Server

MISSING = "The requested tenant <none> does not exist."


@pytest.fixture
def ses(server: Server) -> Any:
    """A v2 client of an account with the tenant `acme`, an identity, a configuration set and a template."""
    client = server.client("sesv2")
    client.create_tenant(TenantName="acme", Tags=[{"Key": "plan", "Value": "gold"}])
    client.create_email_identity(EmailIdentity="example.com")
    client.create_configuration_set(ConfigurationSetName="news")
    content = {"Subject": "Hello {{name}}", "Text": "Hi {{name}}"}
    client.create_email_template(TemplateName="hello", TemplateContent=content)
    return client


@pytest.fixture
def arn(server: Server) -> str:
    """What the ARNs of the account's resources begin with."""
    return f"arn:aws:ses:us-east-1:{server.account}:"


def send(ses: Any, **given: Any) -> str:
    return ses.send_email(
        **{
            "FromEmailAddress": "shop@example.com",
            "Destination": {"ToAddresses": ["ada@example.net"]},
            "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}}},
            "TenantName": "acme",
            **given,
        }
    )["MessageId"]


def use(ses: Any, *arns: str) -> None:
    for one in arns:
        ses.create_tenant_resource_association(TenantName="acme", ResourceArn=one)


def test_create_tenant_and_get_tenant(ses: Any, arn: str) -> None:
    told = ses.create_tenant(
        TenantName="other", SuppressionAttributes={"SuppressedReasons": ["BOUNCE"], "SuppressionScope": "TENANT"}
    )
    assert re.fullmatch(r"tn-[0-9a-f]{30}", told["TenantId"])
    assert told["TenantArn"] == f"{arn}tenant/other/{told['TenantId']}"
    assert told["SendingStatus"] == "ENABLED"
    del told["ResponseMetadata"]
    assert ses.get_tenant(TenantName="other")["Tenant"] == told
    assert ses.get_tenant(TenantName="acme")["Tenant"]["Tags"] == [{"Key": "plan", "Value": "gold"}]
    with refused("AlreadyExistsException"):
        ses.create_tenant(TenantName="acme")
    with refused("BadRequestException"):
        ses.create_tenant(TenantName="two words")
    with refused("NotFoundException", MISSING, status=404):
        ses.get_tenant(TenantName="none")


def test_list_tenants_with_filters_and_pages(ses: Any) -> None:
    arns = [ses.create_tenant(TenantName=name)["TenantArn"] for name in ("beta", "gamma")]
    first = ses.list_tenants(PageSize=2)
    assert [one["TenantName"] for one in first["Tenants"]] == ["acme", "beta"]
    rest = ses.list_tenants(NextToken=first["NextToken"])
    assert [one["TenantName"] for one in rest["Tenants"]] == ["gamma"]
    found = ses.list_tenants(Filter={"TENANT_NAME_CONTAINS": "AMM"})["Tenants"]
    assert [one["TenantArn"] for one in found] == [arns[1]]
    assert ses.list_tenants(Filter={"SENDING_STATUS": "DISABLED"})["Tenants"] == []


def test_delete_tenant_leaves_what_it_used(ses: Any, arn: str) -> None:
    use(ses, f"{arn}configuration-set/news")
    ses.delete_tenant(TenantName="acme")
    assert ses.list_resource_tenants(ResourceArn=f"{arn}configuration-set/news")["ResourceTenants"] == []
    ses.delete_configuration_set(ConfigurationSetName="news")
    with refused("NotFoundException", status=404):
        ses.delete_tenant(TenantName="acme")


def test_put_tenant_suppression_attributes_sets_both_or_none(ses: Any) -> None:
    both = {"SuppressedReasons": [], "SuppressionScope": "TENANT"}
    ses.put_tenant_suppression_attributes(TenantName="acme", **both)
    assert ses.get_tenant(TenantName="acme")["Tenant"]["SuppressionAttributes"] == both
    for name in both:
        with refused("BadRequestException"):
            ses.put_tenant_suppression_attributes(TenantName="acme", **{name: both[name]})
    ses.put_tenant_suppression_attributes(TenantName="acme")
    assert "SuppressionAttributes" not in ses.get_tenant(TenantName="acme")["Tenant"]
    with refused("NotFoundException", MISSING, status=404):
        ses.put_tenant_suppression_attributes(TenantName="none", **both)


def test_create_tenant_resource_association_wants_a_resource_that_there_is(ses: Any, arn: str) -> None:
    use(ses, f"{arn}identity/example.com", f"{arn}configuration-set/news", f"{arn}template/hello")
    already = f"Resources {arn}template/hello has already been associated with tenant acme"
    with refused("AlreadyExistsException", already):
        use(ses, f"{arn}template/hello")
    for missing in ("identity/example.org", "configuration-set/none", "template/none"):
        with refused("NotFoundException", status=404):
            use(ses, arn + missing)
    for wrong in (
        "example.com",
        "arn:aws:sns:us-east-1:123456789012:topic",
        f"{arn}tenant/acme/tn-1",
        "arn:aws:ses:us-east-1:999999999999:identity/example.com",
    ):
        with refused("BadRequestException"):
            use(ses, wrong)
    with refused("NotFoundException", MISSING, status=404):
        ses.create_tenant_resource_association(TenantName="none", ResourceArn=f"{arn}template/hello")


def test_list_tenant_resources_by_type_and_in_pages(ses: Any, arn: str) -> None:
    use(ses, f"{arn}template/hello", f"{arn}identity/example.com")
    first = ses.list_tenant_resources(TenantName="acme", PageSize=1)
    assert first["TenantResources"] == [{"ResourceType": "identity", "ResourceArn": f"{arn}identity/example.com"}]
    rest = ses.list_tenant_resources(TenantName="acme", NextToken=first["NextToken"])["TenantResources"]
    assert rest == [{"ResourceType": "template", "ResourceArn": f"{arn}template/hello"}]
    for asked in ("template", "EMAIL_TEMPLATE"):
        assert ses.list_tenant_resources(TenantName="acme", Filter={"RESOURCE_TYPE": asked})["TenantResources"] == rest
    with refused("BadRequestException", "Invalid resource type topic specified."):
        ses.list_tenant_resources(TenantName="acme", Filter={"RESOURCE_TYPE": "topic"})
    with refused("NotFoundException", MISSING, status=404):
        ses.list_tenant_resources(TenantName="none")


def test_list_resource_tenants(ses: Any, arn: str) -> None:
    use(ses, f"{arn}template/hello")
    (found,) = ses.list_resource_tenants(ResourceArn=f"{arn}template/hello")["ResourceTenants"]
    assert (found["TenantName"], found["ResourceArn"]) == ("acme", f"{arn}template/hello")
    assert found["TenantId"] == ses.get_tenant(TenantName="acme")["Tenant"]["TenantId"]
    assert "AssociatedTimestamp" in found


def test_delete_tenant_resource_association_frees_the_resource(ses: Any, arn: str) -> None:
    everything = f"{arn}identity/example.com", f"{arn}configuration-set/news", f"{arn}template/hello"
    use(ses, *everything)
    deleting = (
        (ses.delete_email_identity, {"EmailIdentity": "example.com"}),
        (ses.delete_configuration_set, {"ConfigurationSetName": "news"}),
        (ses.delete_email_template, {"TemplateName": "hello"}),
    )
    for one, (delete, given) in zip(everything, deleting, strict=True):
        with refused(
            "BadRequestException",
            f"Cannot delete <{one}> because it has tenant associations. Remove all tenant associations and try again.",
        ):
            delete(**given)
        for _ in range(2):  # the second time there is none, and that is no error
            ses.delete_tenant_resource_association(TenantName="acme", ResourceArn=one)
        delete(**given)


def test_what_is_sent_for_a_tenant_is_sent_with_its_own_resources(server: Server, ses: Any, arn: str) -> None:
    identity, configuration_set, template = (
        f"{arn}{one}" for one in ("identity/example.com", "configuration-set/news", "template/hello")
    )
    templated = {"Template": {"TemplateName": "hello", "TemplateData": '{"name": "Ada"}'}}
    with refused(
        "AccessDeniedException",
        f"Tenant not associated with resources [{identity}, {configuration_set}, {template}].",
        status=403,
    ):
        send(ses, ConfigurationSetName="news", Content=templated)
    use(ses, identity, configuration_set)
    with refused("AccessDeniedException", f"Tenant not associated with resources [{template}].", status=403):
        send(ses, ConfigurationSetName="news", Content=templated)
    use(ses, template)
    send(ses, ConfigurationSetName="news", Content=templated)
    send(ses)
    unknown = f"Tenant none for AwsAccountId {server.account} not found."
    with refused("NotFoundException", unknown, status=404):
        send(ses, TenantName="none")


def test_the_header_of_a_raw_message_names_a_tenant_too(server: Server, ses: Any, arn: str) -> None:
    raw = b"From: shop@example.com\r\nTo: ada@example.net\r\nSubject: Hi\r\nX-SES-TENANT: %s\r\n\r\nHello\r\n"
    v1 = server.client("ses")
    with refused("AccessDenied", status=403):
        v1.send_raw_email(RawMessage={"Data": raw % b"acme"})
    with refused("InvalidParameterValue"):
        v1.send_raw_email(RawMessage={"Data": raw % b"none"})
    use(ses, f"{arn}identity/example.com")
    v1.send_raw_email(RawMessage={"Data": raw % b"acme"})


def test_a_bulk_send_for_a_tenant(ses: Any, arn: str) -> None:
    entries = [{"Destination": {"ToAddresses": ["ada@example.net"]}}]
    bulk = {
        "FromEmailAddress": "shop@example.com",
        "DefaultContent": {"Template": {"TemplateName": "hello", "TemplateData": '{"name": "Ada"}'}},
        "BulkEmailEntries": entries,
        "TenantName": "acme",
    }
    with refused("AccessDeniedException", status=403):
        ses.send_bulk_email(**bulk)
    use(ses, f"{arn}identity/example.com", f"{arn}template/hello")
    assert [one["Status"] for one in ses.send_bulk_email(**bulk)["BulkEmailEntryResults"]] == ["SUCCESS"]


def test_update_reputation_entity_customer_managed_status_pauses_a_tenant(ses: Any, arn: str) -> None:
    use(ses, f"{arn}identity/example.com")
    entity = {
        "ReputationEntityType": "RESOURCE",
        "ReputationEntityReference": ses.get_tenant(TenantName="acme")["Tenant"]["TenantArn"],
    }
    ses.update_reputation_entity_customer_managed_status(**entity, SendingStatus="DISABLED")
    assert ses.get_tenant(TenantName="acme")["Tenant"]["SendingStatus"] == "DISABLED"
    with refused("SendingPausedException", "Email sending is disabled for tenant <acme>."):
        send(ses)
    ses.update_reputation_entity_customer_managed_status(**entity, SendingStatus="REINSTATED")
    send(ses)
    entity["ReputationEntityReference"] += "0"
    with refused("NotFoundException", status=404):
        ses.update_reputation_entity_customer_managed_status(**entity, SendingStatus="DISABLED")


def test_get_reputation_entity_and_list_reputation_entities(ses: Any) -> None:
    reference = ses.get_tenant(TenantName="acme")["Tenant"]["TenantArn"]
    ses.create_tenant(TenantName="other")
    found = ses.get_reputation_entity(ReputationEntityType="RESOURCE", ReputationEntityReference=reference)
    entity = found["ReputationEntity"]
    assert entity["ReputationEntityReference"] == reference
    assert entity["SendingStatusAggregate"] == entity["AwsSesManagedStatus"]["Status"] == "ENABLED"
    assert ses.list_reputation_entities(Filter={"ENTITY_REFERENCE_PREFIX": reference})["ReputationEntities"] == [entity]
    assert len(ses.list_reputation_entities()["ReputationEntities"]) == 2
    assert ses.list_reputation_entities(Filter={"SENDING_STATUS": "DISABLED"})["ReputationEntities"] == []
    assert ses.list_reputation_entities(Filter={"REPUTATION_IMPACT": "HIGH"})["ReputationEntities"] == []
    with refused("NotFoundException", status=404):
        ses.get_reputation_entity(ReputationEntityType="RESOURCE", ReputationEntityReference=reference + "0")


def test_a_tenant_is_tagged_by_its_arn(ses: Any) -> None:
    reference = ses.get_tenant(TenantName="acme")["Tenant"]["TenantArn"]
    ses.tag_resource(ResourceArn=reference, Tags=[{"Key": "team", "Value": "red"}])
    assert {tag["Key"] for tag in ses.list_tags_for_resource(ResourceArn=reference)["Tags"]} == {"plan", "team"}
    with refused("NotFoundException", status=404):
        ses.list_tags_for_resource(ResourceArn=reference + "0")


def test_tenants_belong_to_one_account_in_one_region(server: Server, ses: Any) -> None:
    for other in (server.client("sesv2", region="eu-west-1"), server.client("sesv2", account="999999999991")):
        assert other.list_tenants()["Tenants"] == []
    assert len(ses.list_tenants()["Tenants"]) == 1


def test_create_tenant_stops_at_the_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants, "MOST_TENANTS", 1)
    client = server.client("sesv2")
    client.create_tenant(TenantName="first")
    with refused("LimitExceededException", "You have reached the maximum of 1 tenants in this region."):
        client.create_tenant(TenantName="second")
