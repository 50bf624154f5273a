"""How v2 of SES spells what the domain refuses.

Pure. A name is an error shape of the model. Read by api/faults.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
"""

from pillarbox.api.faults import Shape
from pillarbox.kit.errors import Denied, Duplicate, Invalid, LimitReached, NotFound
from pillarbox.resources import account, suppression
from pillarbox.sending import policy

SHAPE_FOR: dict[type[BaseException], Shape] = {
    Denied: ("AccessDeniedException", 403),
    Invalid: "BadRequestException",
    NotFound: "NotFoundException",
    Duplicate: "AlreadyExistsException",
    LimitReached: "LimitExceededException",
    account.ProductionAccessNotGranted: "BadRequestException",
    account.ReviewOpen: "ConflictException",
    suppression.InvalidListToken: "InvalidNextTokenException",
    policy.MessageRejected: "MessageRejected",
    policy.MailFromNotVerified: "MailFromDomainNotVerifiedException",
    policy.ConfigurationSetPaused: "SendingPausedException",
    policy.AccountPaused: "SendingPausedException",
    policy.RateExceeded: "TooManyRequestsException",
    policy.DailyQuotaExceeded: "TooManyRequestsException",
}
