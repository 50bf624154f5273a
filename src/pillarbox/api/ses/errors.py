"""How v1 of SES spells what the domain refuses.

Pure. A name is an error shape of the model; a pair is a code that the model
does not list. Read by api/faults.py.
https://docs.aws.amazon.com/ses/latest/APIReference/CommonErrors.html
"""

from pillarbox.api.faults import Shape
from pillarbox.kit.errors import Denied, Duplicate, Invalid, LimitReached, NotFound
from pillarbox.resources import (
    account,
    configuration_sets,
    custom_verification,
    event_destinations,
    identity_policies,
    tracking_options,
)
from pillarbox.resources.templates import TemplateMissing
from pillarbox.sending import policy, templates

SHAPE_FOR: dict[type[BaseException], Shape] = {
    Denied: ("AccessDenied", 403),
    Invalid: ("InvalidParameterValue", 400),
    NotFound: ("InvalidParameterValue", 400),
    Duplicate: "AlreadyExistsException",
    LimitReached: "LimitExceededException",
    configuration_sets.ConfigurationSetExists: "ConfigurationSetAlreadyExistsException",
    configuration_sets.ConfigurationSetMissing: "ConfigurationSetDoesNotExistException",
    configuration_sets.InvalidConfigurationSet: "InvalidConfigurationSetException",
    tracking_options.InvalidTracking: "InvalidTrackingOptionsException",
    tracking_options.TrackingExists: "TrackingOptionsAlreadyExistsException",
    tracking_options.TrackingMissing: "TrackingOptionsDoesNotExistException",
    event_destinations.EventDestinationExists: "EventDestinationAlreadyExistsException",
    event_destinations.EventDestinationMissing: "EventDestinationDoesNotExistException",
    event_destinations.InvalidSnsDestination: "InvalidSNSDestinationException",
    event_destinations.UnsupportedCloudWatch: "InvalidCloudWatchDestinationException",
    event_destinations.UnsupportedFirehose: "InvalidFirehoseDestinationException",
    custom_verification.CustomTemplateExists: "CustomVerificationEmailTemplateAlreadyExistsException",
    custom_verification.CustomTemplateMissing: "CustomVerificationEmailTemplateDoesNotExistException",
    custom_verification.FromNotVerified: "FromEmailAddressNotVerifiedException",
    custom_verification.InvalidContent: "CustomVerificationEmailInvalidContentException",
    identity_policies.InvalidPolicy: "InvalidPolicyException",
    account.ProductionAccessNotGranted: "ProductionAccessNotGrantedException",
    TemplateMissing: "TemplateDoesNotExistException",
    templates.InvalidTemplate: "InvalidTemplateException",
    templates.InvalidRendering: "InvalidRenderingParameterException",
    templates.MissingRenderingAttribute: "MissingRenderingAttributeException",
    policy.MessageRejected: "MessageRejected",
    policy.MailFromNotVerified: "MailFromDomainNotVerifiedException",
    policy.ConfigurationSetPaused: "ConfigurationSetSendingPausedException",
    policy.AccountPaused: "AccountSendingPausedException",
    policy.RateExceeded: ("Throttling", 400),
    policy.DailyQuotaExceeded: ("Throttling", 400),
}
