"""A client of the schema registry."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka.schema_registry import SchemaRegistryClient


def registry_client(url: str, settings: Mapping[str, float]) -> SchemaRegistryClient:
    """The client for a registry's address, or several with commas between; `settings` are its own, such as `timeout`.

    Certificates, 30 to 60 ms of CPU, are loaded only where an address has use for them: plain HTTP has none.
    """
    plain = all(address.strip().startswith("http://") for address in url.split(","))
    return SchemaRegistryClient.new_client({"url": url, **settings, **({"ssl.ca.location": False} if plain else {})})
