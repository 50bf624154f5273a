"""The operations that this server does not do, each with its reason.

Pure. Read by edge/gateway.py for an operation that no handler has, and by
api/coverage.py. Every operation of the five models is either registered or
listed here, never both: tests/meta/test_coverage.py holds that.
"""

from collections.abc import Mapping

from pillarbox.wire.faults import Fault

DEDICATED_IPS = "Dedicated IP pools are those of the setting [pools], and their addresses are not warmed up by calls."
ADDRESS_INSIGHTS = "Addresses are not judged: send a mail, and see what becomes of it."
JOBS = "Export jobs are not supported: `/ui/messages.csv` has the messages, and `/ui/api/` the statistics."
REPUTATION = "There are no reputation policies: whoever sends for a tenant switches it off and on."
MULTI_REGION = "Multi-region endpoints are not supported: an endpoint serves the region that a request is signed for."
DELIVERABILITY = "The deliverability dashboard is not supported."
VDM = "The Virtual Deliverability Manager is not supported."
ARCHIVING = "Mail archiving is not supported."
MAIL_SECURITY = "S/MIME signing is not supported."
PLANS = "There are no pricing plans."
INBOUND = "Receiving mail is not supported."
PUSH = "Push notifications to mobile devices are not supported."
SMS = "Text messages (SMS) are not supported."
DATA_PROTECTION = "Data protection policies are not supported."
ROLES = "Temporary credentials are not supported: sign with an access key."

_BY_SERVICE: Mapping[str, Mapping[str, str]] = {
    "ses": {
        INBOUND: """
            CloneReceiptRuleSet CreateReceiptFilter CreateReceiptRule CreateReceiptRuleSet DeleteReceiptFilter
            DeleteReceiptRule DeleteReceiptRuleSet DescribeActiveReceiptRuleSet DescribeReceiptRule
            DescribeReceiptRuleSet ListReceiptFilters ListReceiptRuleSets ReorderReceiptRuleSet
            SetActiveReceiptRuleSet SetReceiptRulePosition UpdateReceiptRule
        """,
    },
    "sesv2": {
        DEDICATED_IPS: """
            CreateDedicatedIpPool DeleteDedicatedIpPool PutAccountDedicatedIpWarmupAttributes PutDedicatedIpInPool
            PutDedicatedIpPoolScalingAttributes PutDedicatedIpWarmupAttributes
        """,
        ADDRESS_INSIGHTS: "GetEmailAddressInsights",
        JOBS: """
            CancelExportJob CreateExportJob GetExportJob ListExportJobs
        """,
        REPUTATION: "UpdateReputationEntityPolicy",
        MULTI_REGION: """
            CreateMultiRegionEndpoint DeleteMultiRegionEndpoint GetMultiRegionEndpoint ListMultiRegionEndpoints
        """,
        DELIVERABILITY: """
            CreateDeliverabilityTestReport GetBlacklistReports GetDeliverabilityDashboardOptions
            GetDeliverabilityTestReport GetDomainDeliverabilityCampaign GetDomainStatisticsReport
            ListDeliverabilityTestReports ListDomainDeliverabilityCampaigns PutDeliverabilityDashboardOption
        """,
        VDM: "ListRecommendations PutAccountVdmAttributes PutConfigurationSetVdmOptions",
        ARCHIVING: "PutConfigurationSetArchivingOptions",
        MAIL_SECURITY: """
            AssociateEmailIdentityCertificate DisassociateEmailIdentityCertificate ListEmailIdentityCertificates
            UpdateConfigurationSet
        """,
        PLANS: "PutAccountPricingAttributes",
    },
    "sns": {
        PUSH: """
            CreatePlatformApplication CreatePlatformEndpoint DeleteEndpoint DeletePlatformApplication
            GetEndpointAttributes GetPlatformApplicationAttributes ListEndpointsByPlatformApplication
            ListPlatformApplications SetEndpointAttributes SetPlatformApplicationAttributes
        """,
        SMS: """
            CheckIfPhoneNumberIsOptedOut CreateSMSSandboxPhoneNumber DeleteSMSSandboxPhoneNumber GetSMSAttributes
            GetSMSSandboxAccountStatus ListOriginationNumbers ListPhoneNumbersOptedOut ListSMSSandboxPhoneNumbers
            OptInPhoneNumber SetSMSAttributes VerifySMSSandboxPhoneNumber
        """,
        DATA_PROTECTION: "GetDataProtectionPolicy PutDataProtectionPolicy",
    },
    "sts": {
        ROLES: """
            AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot DecodeAuthorizationMessage
            GetAccessKeyInfo GetDelegatedAccessToken GetFederationToken GetSessionToken GetWebIdentityToken
        """,
    },
}

DECLINED: Mapping[tuple[str, str], str] = {
    (service, operation): reason
    for service, by_reason in _BY_SERVICE.items()
    for reason, operations in by_reason.items()
    for operation in operations.split()
}


class DeclinedError(Fault):
    """The operation exists at AWS and not here; the message says why."""

    def __init__(self, service: str, operation: str, reason: str) -> None:
        # What AWS answers to an operation that it does not know, so that clients do not try again.
        super().__init__(
            "UnknownOperationException",
            f"The operation {operation} is not supported. {reason}",
            404 if service == "sesv2" else 400,
            query_code="InvalidAction",
            query_status=400,
        )


def decline(service: str, operation: str) -> DeclinedError:
    """Return the error for an operation that no handler does."""
    return DeclinedError(service, operation, DECLINED[service, operation])
