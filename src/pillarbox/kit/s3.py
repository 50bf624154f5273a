"""Objects of an S3-compatible service: read line by line, and kept and read in pieces.

Touches the network, blocking: call it off the loop. The service is one that the
operator chose. Built by app/, used by upkeep/import_jobs.py and, for the bodies
of mail, by store/places.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pillarbox.kit.errors import Refusal, Unavailable

_PATIENCE_SECONDS = 20
_CONNECTIONS = 32
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_MOST_REMOVED = 1_000
_LONGEST_LINE = 1024 * 1024


class NotRead(Refusal):
    """The object is not there, may not be read, or is no text in lines; the message says which."""


class Objects:
    """The objects of a service at `endpoint`, as the holder of a key sees them."""

    def __init__(self, endpoint: str, region: str, key_id: str, secret: str) -> None:
        self._endpoint = endpoint
        self._region = region
        self._key = (key_id, secret)
        self._made: Any = None

    def lines(self, url: str) -> Iterator[str]:
        """Yield the lines of `s3://bucket/key`; NotRead when that will not get better, else Unavailable."""
        parts = urlsplit(url)
        try:
            found = self._client().get_object(Bucket=parts.netloc, Key=parts.path.removeprefix("/"))
            left = b""
            for chunk in found["Body"].iter_chunks(64 * 1024):
                *whole, left = (left + chunk).split(b"\n")
                yield from (line.decode("utf-8") + "\n" for line in whole)
                if len(left) > _LONGEST_LINE:
                    raise NotRead(f"{url} has a line of more than {_LONGEST_LINE} bytes")
            if left:
                yield left.decode("utf-8")
        except UnicodeDecodeError:
            raise NotRead(f"{url} is no text in UTF-8") from None
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise Unavailable(f"{url}: {error}") from error
            raise NotRead(f"{url}: {error.response['Error'].get('Code')}") from None
        except BotoCoreError as error:
            raise Unavailable(f"{url}: {error}") from error

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Return when the service says that it keeps the object, else Unavailable."""
        with _answered(bucket):
            self._client().put_object(Bucket=bucket, Key=key, Body=content)

    def get(self, bucket: str, key: str, first: int, length: int) -> bytes | None:
        """Return so many bytes of an object; None when there is no such object, and Unavailable when nobody can say."""
        span = f"bytes={first}-{first + length - 1}"
        try:
            with _answered(bucket):
                found: bytes = self._client().get_object(Bucket=bucket, Key=key, Range=span)["Body"].read()
        except _Missing:
            return None
        return found

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Yield the keys that begin so."""
        for page in self._pages(Bucket=bucket, Prefix=prefix):
            yield from (found["Key"] for found in page.get("Contents", ()))

    def folders(self, bucket: str, prefix: str) -> Iterator[str]:
        """Yield what keys that begin so go on with, each once, up to and with the next slash."""
        for page in self._pages(Bucket=bucket, Prefix=prefix, Delimiter="/"):
            yield from (found["Prefix"] for found in page.get("CommonPrefixes", ()))

    def remove(self, bucket: str, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _MOST_REMOVED):
            some = [{"Key": key} for key in keys[start : start + _MOST_REMOVED]]
            with _answered(bucket):
                done = self._client().delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
            if failed := done.get("Errors"):
                raise Unavailable(f"s3://{bucket}/{failed[0].get('Key')}: {failed[0].get('Code')}")

    def _pages(self, **wanted: str) -> Iterator[Any]:
        with _answered(wanted["Bucket"]):
            yield from self._client().get_paginator("list_objects_v2").paginate(**wanted)

    def _client(self) -> Any:
        if self._made is None:
            key_id, secret = self._key
            self._made = botocore.session.Session().create_client(
                "s3",
                region_name=self._region,
                endpoint_url=self._endpoint,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                config=Config(
                    connect_timeout=_PATIENCE_SECONDS,
                    read_timeout=_PATIENCE_SECONDS,
                    retries={"total_max_attempts": 2},
                    max_pool_connections=_CONNECTIONS,
                    # Services that are not AWS's do not all know checksums in trailers.
                    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path"},
                ),
            )
        return self._made


class _Missing(Exception):
    """There is no such object."""


@contextmanager
def _answered(bucket: str) -> Iterator[None]:
    """Turn what went wrong into Unavailable, but for an object that is not there."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"].get("Code") in ("NoSuchKey", "404"):
            raise _Missing from None
        raise Unavailable(f"s3://{bucket}: {error}") from error
    except (BotoCoreError, OSError) as error:
        raise Unavailable(f"s3://{bucket}: {error}") from error
