"""The broker and what the contract wants of it: protocol, topics, groups' settings, schemas, policies."""

from __future__ import annotations

import urllib.error
import urllib.request

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from selector.adapters.policies import take
from selector.domain.policy import PolicyBook
from winnow import contract
from winnow.codec import Codec
from winnow.errors import PoisonRecord, Refused
from winnow.kafka import config
from winnow.kafka.restore import read_to_end
from winnow.settings import KafkaSettings
from winnow_cli.deployment.schemas import Registry
from winnow_cli.deployment.topics import Broker, Change
from winnow_cli.doctor.finding import Answer, ok, warning, wrong

REQUEST_TIMEOUT_S = 2.5
PROTOCOLS = "group.coordinator.rebalance.protocols"
APPLY = "winnow topics apply"
SHOWN = 3


def broker(settings: KafkaSettings) -> Answer:
    """Whether it answers, has nodes for the replicas, and speaks the group protocol that the services use."""
    admin = AdminClient({**config.admin(settings), "socket.timeout.ms": 2000})
    where = settings.kafka_bootstrap
    try:
        # A fenced broker answers, but names no node.
        nodes = admin.list_topics(timeout=REQUEST_TIMEOUT_S).brokers
    except KafkaException as error:
        return wrong(f"{where} does not answer: {error.args[0].str()}", _reach("kafka", "WINNOW_KAFKA_BOOTSTRAP"))
    if not nodes:
        return wrong(f"{where} answers, but has no node that is ready", _reach("kafka", "WINNOW_KAFKA_BOOTSTRAP"))
    what = f"{where}, {len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    resource = ConfigResource(ResourceType.BROKER, str(min(nodes)))
    try:
        own = admin.describe_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource].result()
    except KafkaException as error:
        return warning(
            f"{what}; its settings may not be read ({error.args[0].str()}), so its group protocols are not known",
            "make sure that it is Kafka 4.0 or later, or set WINNOW_GROUP_PROTOCOL=classic",
        )
    # Since 3.7; before 4.0 `consumer` is a preview that is off.
    protocols = str(own[PROTOCOLS].value) if PROTOCOLS in own else "classic"
    if settings.group_protocol not in protocols.split(","):
        return wrong(
            f"{what}; it speaks the group protocols {protocols}, the services {settings.group_protocol}",
            "use Kafka 4.0 or later, or set WINNOW_GROUP_PROTOCOL=classic for every service",
        )
    replicas = max(topic.replication for topic in contract.load_topics(settings.names, settings.profile))
    if len(nodes) < replicas:
        return warning(
            f"{what}, but {replicas} replicas are wanted: no topic can be made",
            "add nodes; for trials on one node WINNOW_PROFILE=local",
        )
    return ok(f"{what}, group protocol {settings.group_protocol}")


def registry(settings: KafkaSettings) -> Answer:
    """Whether the schema registry answers as one."""
    url = f"{settings.registry_url}/subjects"
    mend = _reach("registry", "WINNOW_REGISTRY_URL")
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_TIMEOUT_S) as response:  # noqa: S310 (a setting)
            text = response.read(1).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return wrong(f"{url} answers {error.code} {error.reason}", mend)
    except (OSError, ValueError) as error:
        return wrong(f"{url} does not answer: {getattr(error, 'reason', error)}", mend)
    return ok(settings.registry_url) if text == "[" else wrong(f"{url} is no schema registry", mend)


def topics(settings: KafkaSettings) -> Answer:
    """Topics and settings of groups, against topics.yaml."""
    names, profile = settings.names, settings.profile
    wanted, groups = contract.load_topics(names, profile), contract.load_groups(names, profile)
    changes = Broker(AdminClient(config.admin(settings)), wanted, groups).diff()
    return _differing(changes, f"{len(wanted)} topics and {len(groups)} groups as the contract has them")


def schemas(settings: KafkaSettings) -> Answer:
    """Schemas in the registry, against the contract's."""
    wanted = contract.load_topics(settings.names, settings.profile)
    changes = Registry(settings.registry_url, wanted).diff()
    return _differing(changes, f"{sum(topic.record is not None for topic in wanted)} subjects as the contract has them")


def _differing(changes: list[Change], fine: str) -> Answer:
    if not changes:
        return ok(fine)
    changes = sorted(changes, key=lambda change: not change.refused)
    told = "; ".join(f"{change.subject}: {change.text}" for change in changes[:SHOWN])
    more = len(changes) - SHOWN
    refused = any(change.refused for change in changes)
    return wrong(
        told + (f"; and {more} more (`winnow topics diff`)" if more > 0 else ""),
        "`winnow topics diff` says of each what to do" if refused else APPLY,
    )


def policies(settings: KafkaSettings) -> Answer:
    """Whether there is a default policy, and records that the selector ignores."""
    names, codec, book = settings.names, Codec(settings.registry_url), PolicyBook()
    ignored = []
    for topic in (names.policies, names.cameras):
        for record in read_to_end(settings, topic, 0, client_id="winnow-doctor"):
            try:
                take(book, names, codec, record)
            except (PoisonRecord, Refused) as error:
                ignored.append(f"{record.position} is ignored: {error}")
    if not book.has_default:
        return wrong(f"no default policy in {names.policies}: the selector judges nothing", APPLY)
    what = f"the default and {len(book.policies) - 1} more; {len(book.cameras)} cameras configured"
    if ignored:
        return warning(f"{what}; {ignored[-1]}", "write that key anew: `winnow policy set`, `winnow camera set`")
    return ok(what)


def _reach(process: str, variable: str) -> str:
    return f"`winnow logs {process}`; for a server of your own {variable}"
