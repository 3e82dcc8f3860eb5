"""How a command speaks to a supervisor: one JSON line each way, over TCP on 127.0.0.1, with the run's token.

Not a Unix socket, whose path may have 107 bytes and a home's may have more.
"""

from __future__ import annotations

import hmac
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from winnow_cli.stack.errors import BadRequest, NoAnswer, NotRunning, StartFailed

LINE_LIMIT_BYTES = 1 << 20
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
PROCESS_TIMEOUT_S = 180.0
"""For what waits until a process is up or gone."""

SLOW = {"wait", "stop", "add"}

REFUSED = 4
"""A supervisor's exit code where another run has the home."""


async def answer(line: bytes, token: str, do: Callable[[dict[str, Any]], Awaitable[Any]]) -> dict[str, Any]:
    """The supervisor's answer to one request line."""
    try:
        request = json.loads(line)
        if not hmac.compare_digest(str(request.get("token")), token):
            return {"error": "refused", "message": "the token is not this run's"}
        return {"value": await do(request)}
    except (BadRequest, ValueError, KeyError, TypeError) as error:
        return {"error": "bad request", "message": str(error)}
    except StartFailed as error:
        return {"error": "start failed", "message": str(error)}


def ask(port: int, token: str, **request: Any) -> Any:
    """Ask a supervisor. Raises `NotRunning`, `NoAnswer` where there is one and it says nothing in time, `BadRequest`,
    and `StartFailed` where a process did not come up.
    """
    timeout_s = PROCESS_TIMEOUT_S if request["do"] in SLOW else ANSWER_TIMEOUT_S
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_TIMEOUT_S) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(json.dumps({**request, "token": token}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except TimeoutError as error:
        raise NoAnswer(
            f"the supervisor on port {port} has not answered for {timeout_s:g} s: it hangs, or the machine is "
            "overloaded. Try again; if it stays so, `winnow doctor` names what to kill. Data stays"
        ) from error
    except OSError as error:
        raise NotRunning(f"the supervisor does not answer on port {port}: {error}") from error
    if not line:
        raise NotRunning("the supervisor ended before it answered")
    reply = json.loads(line)
    if reply.get("error") == "start failed":
        raise StartFailed(reply["message"])
    if "error" in reply:
        raise BadRequest(reply["message"])
    return reply["value"]
