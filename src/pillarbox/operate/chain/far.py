"""Asks another SES, and the SNS and SQS beside it, by the names of what IAM calls each action.

Touches the network: clients of the AWS SDK, each call in a thread. Used by
the links of this chain and its proof; permissions.py says who may do what of it.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pillarbox.delivery.transport.ses_client import Upstream
from pillarbox.delivery.transport.ses_credentials import CredentialSource, NoCredentials

_SERVICES = {"ses": "sesv2", "sns": "sns", "sqs": "sqs"}
_PATIENCE = Config(retries={"total_max_attempts": 2}, connect_timeout=10, read_timeout=20)

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"})
_STRANGE = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_ABSENT = frozenset(
    {
        "NotFound",
        "NotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    }
)


class FarRefused(Exception):
    """The far side did not do what was asked; the text says what it said, or why it could not be asked."""

    def __init__(self, action: str, code: str, message: str) -> None:
        super().__init__(" ".join(filter(None, (code, message))))
        self.action = action
        self.code = code

    @property
    def is_denied(self) -> bool:
        return self.code in _DENIED

    @property
    def is_stranger(self) -> bool:
        """Whether the far side does not know who asks, or could not be asked at all: no other question helps."""
        return not self.code or self.code in _STRANGE

    @property
    def is_absent(self) -> bool:
        return self.code in _ABSENT

    @property
    def remedy(self) -> str:
        """What an operator does about it."""
        if self.is_denied:
            return f"allow {self.action} to these credentials"
        if self.is_stranger:
            return "check endpoint_url, region and credentials"
        return ""


class Far:
    """Does one action at a time, as IAM calls it (`sns:GetTopicAttributes`); raises FarRefused and nothing else."""

    def __init__(self, upstream: Upstream, credentials: CredentialSource) -> None:
        self.upstream = upstream
        self._credentials = credentials
        self._clients: dict[str, Any] = {}

    async def call(self, action: str, **members: Any) -> Mapping[str, Any]:
        """Do the operation of the same name, and return its answer."""
        try:
            found = await self._credentials.get()
        except NoCredentials as error:
            raise FarRefused(action, "", str(error)) from error
        return await asyncio.to_thread(self._call, action, members, found)

    def _call(self, action: str, members: Mapping[str, Any], credentials: Any) -> Mapping[str, Any]:
        service, _, operation = action.partition(":")
        try:
            if service not in self._clients:
                self._clients[service] = self._client(_SERVICES[service], credentials)
            answer: Mapping[str, Any] = getattr(self._clients[service], xform_name(operation))(**members)
        except ClientError as error:
            told = error.response.get("Error", {})
            raise FarRefused(action, told.get("Code", "Error"), told.get("Message", "")) from None
        except (BotoCoreError, OSError) as error:
            raise FarRefused(action, "", str(error)) from None
        return answer

    def _client(self, service: str, credentials: Any) -> Any:
        upstream = self.upstream
        return botocore.session.Session().create_client(
            service,
            region_name=upstream.region,
            endpoint_url=upstream.endpoint_url if upstream.is_compatible else None,
            verify=upstream.ca_file or None,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            config=_PATIENCE,
        )
