"""Requests whose JSON bodies break in ways that the caller is told: not in UTF-8, endless, of other types."""

import re
from typing import Any, ClassVar, Final

import anyio
import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import InternalServerException, ValidationException

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.limits import limited

_JSON: Final = re.compile(r"application/([\w.!#$&^+-]+\+)?json", re.ASCII)
_WHOLE: Final = "Expected `int`, got `float`"
#: The end of msgspec's messages, which says where in the body it is.
_PLACE: Final = re.compile(r" - at `\$\.?(?P<place>.*)`$", re.DOTALL)


class JsonRequest(Request[object, object, State]):
    """A request whose body is JSON of exactly its types, and says so: a form of any web page is none."""

    #: How long all of it may take to arrive.
    whole_s: ClassVar[float] = 30.0

    async def body(self) -> bytes:
        """Return all of it. Raises: Refused `client_gone` or `too_slow`."""
        try:
            with anyio.fail_after(self.whole_s):
                return await super().body()
        except InternalServerException as error:
            raise Refused("The client left before the end of the body.", code="client_gone") from error
        except TimeoutError:
            raise limited("too_slow", f"The body did not arrive within {self.whole_s:g} s.") from None

    async def json(self) -> Any:
        """Return the decoded body.

        Raises: Refused for another type and where the decoder knows no error of its own, ValidationException
        where 0 stands for false or "1" for 1: Litestar, whose query strings are text, would take that.
        """
        kind = self.content_type[0].lower()
        if not _JSON.fullmatch(kind):
            said = f"not {kind}" if kind else "and its Content-Type has to say so"
            raise Refused(f"The body has to be JSON, {said}.", code="unsupported_media_type")
        try:
            body = await super().json()
        except UnicodeDecodeError as error:
            raise Refused("The body is JSON that is not encoded in UTF-8.") from error
        except RecursionError as error:
            raise Refused("The body is JSON that is nested too deeply.") from error
        field = getattr(self.scope.get("route_handler"), "parsed_data_field", None)
        if field is not None:
            _check(body, field.annotation)
        return body


def within(whole_s: float) -> type[JsonRequest]:
    """Return the class of requests whose bodies have to arrive in that time."""
    return type("JsonRequest", (JsonRequest,), {"whole_s": whole_s})


def _check(body: object, kind: Any) -> None:
    """Raise ValidationException, in Litestar's form, where the body has other types than `kind`."""
    try:
        msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        message = str(error)
        if message.startswith(_WHOLE):
            return  # JSON Schema calls 44.0 an integer; Litestar looks whether it is one.
        found = _PLACE.search(message)
        place = found["place"] if found else ""
        misfit = {"message": _PLACE.sub("", message), "key": place or "data", "source": "body"}
        raise ValidationException("The body does not fit the schema.", extra=[misfit]) from error
    except RecursionError as error:
        raise Refused("The body is JSON that is nested too deeply.") from error
