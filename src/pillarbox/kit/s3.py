"""Reads objects of an S3-compatible service, line by line.

Touches the network, blocking: call it off the loop. The service is one that the
operator chose. Built by app/, used by upkeep/import_jobs.py.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pillarbox.kit.errors import Refusal, Unavailable

_PATIENCE_SECONDS = 20
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
                    s3={"addressing_style": "path"},
                ),
            )
        return self._made
