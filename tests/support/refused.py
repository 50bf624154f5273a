"""What a client is told when it is refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError


@contextmanager
def refused(code: str, message: str | None = None, status: int = 400, **members: Any) -> Iterator[None]:
    """Expect the error that a boto3 client makes of a refusal, with its modelled members."""
    with pytest.raises(ClientError) as caught:
        yield
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    if message is not None:
        assert response["Error"]["Message"] == message
    told = response["Error"] | response
    assert {name: told.get(name) for name in members} == members


def refusal_of(operation: Callable[..., Any], **params: Any) -> tuple[str, str, int]:
    """Return code, message and HTTP status of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        operation(**params)
    response = caught.value.response
    error = response["Error"]
    return error["Code"], error["Message"], response["ResponseMetadata"]["HTTPStatusCode"]
