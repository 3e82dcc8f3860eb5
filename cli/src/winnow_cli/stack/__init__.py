"""The local stack: Kafka, schema registry, object storage and PostgreSQL as processes of this machine.

    with Stack.start(Home.default(), "demo") as stack:
        stack.env                       # WINNOW_… for services
        stack.add(ProcessSpec(...))     # the supervisor owns it from here; returns when ready
        stack.stop("kafka"); stack.start_process("kafka")
        stack.pid("kafka"); stack.status()
        stack.detach()                  # else the end of the block, or of this process, takes all down

`Stack.attach(Home.default())` speaks to the one that runs. Servers are called kafka, registry, objects, postgres.
"""

from winnow_cli.stack.client import Stack, running_run, wait_until_gone
from winnow_cli.stack.errors import (
    AlreadyRunning,
    ArtifactRefused,
    ArtifactUnavailable,
    BadRequest,
    NoAnswer,
    NotRunning,
    StackError,
    StartFailed,
    StillRunning,
    UnusableMachine,
)
from winnow_cli.stack.home import Home
from winnow_cli.stack.spec import ProcessSpec, Ready

__all__ = [
    "AlreadyRunning",
    "ArtifactRefused",
    "ArtifactUnavailable",
    "BadRequest",
    "Home",
    "NoAnswer",
    "NotRunning",
    "ProcessSpec",
    "Ready",
    "Stack",
    "StackError",
    "StartFailed",
    "StillRunning",
    "UnusableMachine",
    "running_run",
    "wait_until_gone",
]
