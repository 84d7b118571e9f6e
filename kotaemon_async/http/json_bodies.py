"""Requests whose JSON bodies break in ways that the caller is told: not in UTF-8, nested without end."""

from typing import Any

from litestar import Request
from litestar.datastructures import State

from kotaemon_async.domain.errors import Refused


class JsonRequest(Request[object, object, State]):
    """A request; whatever its content type says, a body that a route takes is JSON."""

    async def json(self) -> Any:
        """Return the decoded body. Raises: Refused where the decoder knows no error of its own."""
        try:
            return await super().json()
        except UnicodeDecodeError as error:
            raise Refused("The body is JSON that is not encoded in UTF-8.") from error
        except RecursionError as error:
            raise Refused("The body is JSON that is nested too deeply.") from error
