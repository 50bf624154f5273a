"""A bucket of an S3 of the tests' own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

KEY = {"access_key_id": "test", "secret_access_key": "test"}


class Bucket:
    """Answers until it is stopped."""

    def __init__(self, endpoint: str, name: str, server: ThreadedMotoServer) -> None:
        self.endpoint = endpoint
        self.name = name
        self._server = server
        self._is_stopped = False

    @classmethod
    @contextmanager
    def made(cls, name: str) -> Iterator["Bucket"]:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        bucket = None
        try:
            host, port = server.get_host_and_port()
            bucket = cls(f"http://{host}:{port}", name, server)
            bucket.client().create_bucket(Bucket=name)
            yield bucket
        finally:
            if bucket is None or not bucket._is_stopped:
                server.stop()

    def stop(self) -> None:
        """Be away from now on."""
        self._is_stopped = True
        self._server.stop()

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY["access_key_id"],
            aws_secret_access_key=KEY["secret_access_key"],
        )
