"""An S3 server on the loopback, with an empty bucket in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class ObjectStore:
    """A server that runs, in which each test makes buckets of its own."""

    def __init__(self, address: str) -> None:
        self.environment = {**KEYS, "AWS_ENDPOINT": address}
        """What a process needs to reach it."""
        self.client = boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )

    def new_bucket(self) -> str:
        """Makes an empty bucket and returns its URL."""
        name = f"test-{secrets.token_hex(6)}"
        self.client.create_bucket(Bucket=name)
        return f"s3://{name}/limner"

    def names(self, url: str) -> list[str]:
        """Returns what is in a bucket."""
        bucket = url.removeprefix("s3://").partition("/")[0]
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=bucket).get("Contents", [])]


@contextmanager
def run_object_store() -> Iterator[ObjectStore]:
    """Starts a server, and stops it at the end."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield ObjectStore(f"http://{host}:{port}")
    finally:
        server.stop()
