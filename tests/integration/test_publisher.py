"""Publishing on the real broker."""

import pytest
from tests.support.world import eventually

from winnow.errors import DependencyDown
from winnow.kafka.producer import Publisher

pytestmark = pytest.mark.stack


def test_a_refusal_that_came_before_the_flush_is_not_forgotten(world):
    publisher = Publisher(world.kafka, client_id="test-publisher")
    publisher.publish(world.names.frames, "yard", bytes(2_500_000))  # over the topic's 2 MiB, within the client's limit

    def answered():
        publisher.poll()
        return publisher.failed

    eventually(answered, what="the broker's refusal")
    with pytest.raises(DependencyDown, match="1 were not taken"):
        publisher.flush()
    publisher.publish(world.names.frames, "yard", b"small")
    publisher.flush()
