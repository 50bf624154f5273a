"""Which error of SNS each refusal is.

Pure. `SHAPE_FOR` is read by api/faults.py.
https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
"""

from pillarbox.kit.errors import Denied
from pillarbox.pubsub import refusals as refused

SHAPE_FOR: dict[type[Exception], str | tuple[str, int]] = {
    Denied: "AuthorizationErrorException",
    refused.TopicNotFound: "NotFoundException",
    refused.SubscriptionNotFound: "NotFoundException",
    refused.ResourceNotFound: "ResourceNotFoundException",
    refused.InvalidParameter: "InvalidParameterException",
    refused.InvalidToken: "InvalidParameterException",
    refused.InvalidMessageAttribute: "InvalidParameterValueException",
    refused.NotAuthorized: "AuthorizationErrorException",
    refused.TooManyFilterPolicies: "FilterPolicyLimitExceededException",
    refused.TooManySubscriptions: "SubscriptionLimitExceededException",
    refused.TooManyTopics: "TopicLimitExceededException",
    refused.TooManyReplays: "ReplayLimitExceededException",
    refused.KeepsAnArchive: "InvalidStateException",
    refused.TooManyTags: "TagLimitExceededException",
    refused.EmptyBatch: "EmptyBatchRequestException",
    refused.TooManyEntries: "TooManyEntriesInBatchRequestException",
    refused.InvalidEntryId: "InvalidBatchEntryIdException",
    refused.EntryIdsRepeat: "BatchEntryIdsNotDistinctException",
    refused.BatchTooLong: "BatchRequestTooLongException",
}
