"""Packages in a bucket of S3, or of anything that speaks its language.

Imported only where STORAGES names it: boto3 costs every process half a second and 35 MB.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from registry.backends import DIRECTORY, Stored, Stream, is_digest
from registry.refusals import StorageAway

PART = 16 * 1024**2
"""What is larger is sent in parts of at least this size: that much of it is in memory at once."""

MOST_PARTS = 10_000  # of one upload
ATTEMPTS = 4
MISSING = ("NoSuchKey", "404")  # a HEAD has no body that could say more than its status
TYPE = "application/octet-stream"


class PackageBucket(S3Storage):
    """Objects named `PREFIX/sha256/ab/cd/abcd…`. What is sent is checked by the other side against its SHA-256."""

    def __init__(self, **options: Any) -> None:
        """options: of django-storages (https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html)"""
        style = "path" if options.get("endpoint_url") else "auto"  # a name per bucket takes a wildcard certificate
        config = Config(
            s3={"addressing_style": style},
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": ATTEMPTS},
            # others than Amazon's do not know the checksums that boto3 would add of its own accord
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(**options, client_config=config)

    @cached_property
    def client(self) -> Any:
        """One for all threads: boto3's clients may be shared, its resources, which django-storages uses, may not."""
        return self._create_session().client(
            "s3", region_name=self.region_name, endpoint_url=self.endpoint_url, config=self.client_config
        )

    def put(self, source: Path, name: str, *, sha256: str, size: int) -> None:
        where = self._where(name)
        with _in_words():
            if size <= PART:
                self._put_whole(source, where, sha256)
            else:
                self._put_in_parts(source, where, sha256, size)
            arrived = self.client.head_object(**where)["ContentLength"]
        if arrived != size:
            raise StorageAway(
                f"The package storage kept {arrived:,} bytes instead of {size:,}. Push the package again."
            )
        source.unlink()

    def _put_whole(self, source: Path, where: dict[str, str], sha256: str) -> None:
        content = source.read_bytes()
        _refuse_changed(hashlib.sha256(content).hexdigest(), sha256)
        self.client.put_object(
            **where, Body=content, ContentType=TYPE, ChecksumAlgorithm="SHA256", ChecksumSHA256=_base64(sha256)
        )

    def _put_in_parts(self, source: Path, where: dict[str, str], sha256: str, size: int) -> None:
        """Each part is checked by the other side, and all of them together here, before they become one object."""
        begun = self.client.create_multipart_upload(**where, ContentType=TYPE, ChecksumAlgorithm="SHA256")
        upload = where | {"UploadId": begun["UploadId"]}
        try:
            sent = list(self._send_parts(source, upload, sha256, max(PART, -(-size // MOST_PARTS))))
            self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})
        except BaseException:
            self.client.abort_multipart_upload(**upload)
            raise

    def _send_parts(self, source: Path, upload: dict[str, str], sha256: str, length: int) -> Iterator[dict[str, Any]]:
        whole, number = hashlib.sha256(), 0
        with source.open("rb") as file:
            while part := file.read(length):
                whole.update(part)
                number += 1
                checked = {"ChecksumSHA256": _base64(hashlib.sha256(part).hexdigest())}
                answer = self.client.upload_part(
                    **upload, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256", **checked
                )
                yield {"PartNumber": number, "ETag": answer["ETag"]} | checked
        _refuse_changed(whole.hexdigest(), sha256)

    def stream(self, name: str, start: int = 0, length: int | None = None) -> Stream:
        if length == 0:
            return Stream(_Nothing(), 0)
        end = "" if length is None else str(start + length - 1)
        with _in_words():
            found = self.client.get_object(
                **self._where(name), **({"Range": f"bytes={start}-{end}"} if start or end else {})
            )
        return Stream(_Body(found["Body"]), length)

    def local(self, name: str) -> None:
        return None

    def holds(self, name: str) -> bool:
        try:
            with _in_words():
                self.client.head_object(**self._where(name))
        except FileNotFoundError:
            return False
        return True

    def is_blank(self) -> bool:
        return next(self.walk(), None) is None

    def address(self, name: str, disposition: str) -> str:
        says = {"ResponseContentDisposition": disposition, "ResponseContentType": TYPE}
        return str(
            self.client.generate_presigned_url(
                "get_object", Params=self._where(name) | says, ExpiresIn=self.querystring_expire
            )
        )

    def walk(self) -> Iterator[Stored]:
        prefix = self._where(f"{DIRECTORY}/x")["Key"].removesuffix("x")
        with _in_words():
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, Prefix=prefix):
                for found in page.get("Contents", ()):
                    name = found["Key"].rpartition("/")[2]
                    if is_digest(name):
                        yield Stored(name, found["Size"], found["LastModified"])

    def remove(self, name: str, *, kept_before: datetime | None) -> bool:
        """Between the look and the removal is a moment in which the same bytes could be put there again. What was put there
        within the same second as `kept_before` counts as older, since a bucket knows whole seconds only."""
        where = self._where(name)
        try:
            with _in_words():
                lies_since = self.client.head_object(**where)["LastModified"]  # in whole seconds
                if kept_before and lies_since >= kept_before:
                    return False
                self.client.delete_object(**where)
        except FileNotFoundError:
            return False
        return True

    def ask(self) -> str:
        try:
            with _in_words():
                self.client.head_bucket(Bucket=self.bucket_name)
        except FileNotFoundError:
            raise StorageAway(f"The package storage has no bucket {self.bucket_name}.") from None
        return "The package storage can be reached."

    def elsewhere(self) -> str:
        return f"s3://{self.bucket_name}/{self.location}".rstrip("/")

    def _where(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}


class _Body:
    """What arrives from the bucket; a connection that breaks is told in words."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int, /) -> bytes:
        with _in_words():
            return bytes(self._body.read(size))

    def close(self) -> None:
        self._body.close()


class _Nothing:
    def read(self, size: int, /) -> bytes:
        return b""

    def close(self) -> None: ...


@contextmanager
def _in_words() -> Iterator[None]:
    """What boto3 raises, as FileNotFoundError or StorageAway."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in MISSING:
            raise FileNotFoundError(code) from error
        raise StorageAway(
            f"The package storage refuses ({code or 'no reason given'}). Try again later, or tell an administrator."
        ) from error
    except BotoCoreError as error:
        raise StorageAway(
            f"The package storage cannot be reached ({type(error).__name__}). Try again later, or tell an administrator."
        ) from error


def _refuse_changed(found: str, sha256: str) -> None:
    if found != sha256:
        raise StorageAway("What was received was changed on the local disk before it was kept. Push the package again.")


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
