"""A client of the schema registry."""

from __future__ import annotations

from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient


def registry_client(url: str, **settings: Any) -> SchemaRegistryClient:
    """The client for a registry's address, or several with commas between; `settings` are its own, such as `timeout`.

    Certificates are loaded only where one of them is used: that took a quarter of the time of a command against the
    local stack, which speaks plain HTTP.
    """
    plain = all(address.strip().startswith("http://") for address in url.split(","))
    return SchemaRegistryClient.new_client({"url": url, **settings, **({"ssl.ca.location": False} if plain else {})})
