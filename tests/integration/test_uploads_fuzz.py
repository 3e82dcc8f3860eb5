"""The upload API against what can be made of its own OpenAPI: no error of the service, no answer but those it names."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests.support.uploads import open_door
from tests.support.world import World

pytestmark = pytest.mark.stack

EXAMPLES = 150

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
    unsupported_method,
]


def test_whatever_is_sent_gets_an_answer_that_the_page_names(world: World) -> None:
    door = open_door(world)
    url = f"http://127.0.0.1:{door.port}"
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operation = schema["/v1/cameras/{camera_id}/frames"]["POST"]
    statuses = set()

    @seed(1)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def fuzz(case: schemathesis.Case) -> None:
        case.path_parameters["camera_id"] = "yard"
        response = case.call(base_url=url, headers={"Authorization": f"Bearer {door.key}"})
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS, headers={"Authorization": f"Bearer {door.key}"})

    given(case=operation.as_strategy())(fuzz)()
    assert statuses >= {201, 415, 422}, statuses
    assert door.service.process.poll() is None
    assert "Traceback" not in door.service.log.read_text()
