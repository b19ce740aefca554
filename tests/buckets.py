"""A server that speaks S3's language, in a thread of the test process, and buckets of it for single tests."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

KEYS = {"access_key": "test", "secret_key": "test"}
REGION = "eu-north-1"


@contextmanager
def bucket_server() -> Iterator[str]:
    """The address of a server that keeps everything in memory."""
    from moto.server import ThreadedMotoServer  # only where it is wanted: it takes seconds

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class Bucket:
    """A new bucket, with the settings that put packages into it and what a stranger may do to it."""

    def __init__(self, url: str) -> None:
        from registry.s3 import PackageBucket

        self.name, self.url = f"packages-{uuid.uuid4().hex[:12]}", url
        self.options: dict[str, Any] = {
            "bucket_name": self.name,
            "endpoint_url": url,
            "region_name": REGION,
            "location": "signalbox",
            "querystring_expire": 60,
            **KEYS,
        }
        self.client = PackageBucket(**self.options).client
        self.client.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})

    @property
    def storage(self) -> dict[str, Any]:
        """What STORAGES says."""
        return {"packages": {"BACKEND": "registry.s3.PackageBucket", "OPTIONS": self.options}}

    @property
    def environment(self) -> dict[str, str]:
        """The same for another process."""
        return {
            "PACKAGES_STORAGE": "s3",
            "PACKAGES_S3_BUCKET": self.name,
            "PACKAGES_S3_ENDPOINT_URL": self.url,
            "PACKAGES_S3_REGION": REGION,
            "PACKAGES_S3_PREFIX": "signalbox",
            "PACKAGES_S3_ACCESS_KEY": KEYS["access_key"],
            "PACKAGES_S3_SECRET_KEY": KEYS["secret_key"],
        }

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return sorted(each["Key"] for each in found)

    def parts_under_way(self) -> list[Any]:
        """Uploads in parts that were neither completed nor given up."""
        found: list[Any] = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return found

    def overwrite(self, sha256: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key_of(sha256), Body=content)

    def lose(self, sha256: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key_of(sha256))


def key_of(sha256: str) -> str:
    return f"signalbox/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"
