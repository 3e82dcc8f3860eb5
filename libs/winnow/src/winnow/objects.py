"""Object storage: any S3 API through the `minio` client."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from winnow.clock import EPOCH
from winnow.errors import DependencyDown
from winnow.settings import ObjectSettings

UNREACHABLE = (urllib3.exceptions.HTTPError, OSError)


class Listed(NamedTuple):
    """An object as a listing shows it."""

    key: str
    etag: str
    modified_at: datetime


class Objects:
    """One bucket; thread-safe. Every call raises `DependencyDown` where the storage does not answer or fails."""

    def __init__(self, settings: ObjectSettings) -> None:
        url = urlsplit(settings.s3_endpoint)
        self.bucket = settings.s3_bucket
        self._pool = urllib3.PoolManager(
            maxsize=16,
            timeout=urllib3.Timeout(connect=3, read=30),
            retries=urllib3.Retry(total=2, backoff_factor=0.1),
        )
        self._client = Minio(
            url.netloc,
            access_key=settings.s3_access_key.get_secret_value(),
            secret_key=settings.s3_secret_key.get_secret_value(),
            secure=url.scheme == "https",
            region="us-east-1",
            http_client=self._pool,
        )

    def ensure_bucket(self) -> None:
        """Creates the bucket unless it is there."""
        with _translated():
            if not self._client.bucket_exists(self.bucket):
                self._client.make_bucket(self.bucket)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Writes an object, over an old one of that key."""
        with _translated():
            self._client.put_object(self.bucket, key, io.BytesIO(data), len(data), content_type=content_type)

    def put_new(self, key: str, data: bytes, content_type: str) -> bool:
        """Writes an object unless one of that key is there; says whether it wrote. Never overwrites."""
        with _translated():
            url = self._client.presigned_put_object(self.bucket, key)
            headers = {"If-None-Match": "*", "Content-Type": content_type}
            response = self._pool.request("PUT", url, body=data, headers=headers, retries=False)
        if response.status in (200, 204):
            return True
        if response.status == 412:
            return False
        raise DependencyDown(f"object storage: PUT {key} answered {response.status}")

    def get(self, key: str, *, bucket: str | None = None, max_bytes: int | None = None) -> bytes | None:
        """The object's bytes (the first `max_bytes` of them), None where there is none."""
        with _translated():
            try:
                response = self._client.get_object(bucket or self.bucket, key)
            except S3Error as error:
                if error.code in ("NoSuchKey", "NoSuchBucket"):
                    return None
                raise
            try:
                return bytes(response.read(max_bytes))
            finally:
                response.close()
                response.release_conn()

    def size(self, key: str) -> int | None:
        """The object's size in bytes, None where there is none."""
        with _translated():
            try:
                return self._client.stat_object(self.bucket, key).size
            except S3Error as error:
                if error.code in ("NoSuchKey", "NoSuchBucket"):
                    return None
                raise

    def sizes(self, prefix: str) -> dict[str, int]:
        """Sizes by key under a prefix. Killed writers leave strays in listings: never the truth of what should be."""
        with _translated():
            found = self._client.list_objects(self.bucket, prefix=prefix, recursive=True)
            return {item.object_name: item.size or 0 for item in found if item.object_name}

    def listing(self, prefix: str, *, bucket: str) -> list[Listed] | None:
        """All objects below a prefix of any bucket; None where there is no such bucket."""
        with _translated():
            try:
                found = list(self._client.list_objects(bucket, prefix=prefix, recursive=True))
            except S3Error as error:
                if error.code == "NoSuchBucket":
                    return None
                raise
        return [
            Listed(item.object_name, item.etag or "", item.last_modified or EPOCH)
            for item in found
            if item.object_name and not item.object_name.endswith("/")
        ]

    def folders(self, prefix: str) -> list[str]:
        """The next level of keys below a prefix, each ending in `/`."""
        with _translated():
            found = self._client.list_objects(self.bucket, prefix=prefix)
            return [item.object_name for item in found if item.is_dir and item.object_name]

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects; one that is not there is no error."""
        with _translated():
            for error in self._client.remove_objects(self.bucket, [DeleteObject(key) for key in keys]):
                raise DependencyDown(f"object storage: DELETE {error.name} answered {error.code}: {error.message}")


class _translated:  # noqa: N801 - reads as a phrase at the call
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, DependencyDown):
            return
        if isinstance(error, (MinioException, *UNREACHABLE)):
            raise DependencyDown(f"object storage: {error}") from error
