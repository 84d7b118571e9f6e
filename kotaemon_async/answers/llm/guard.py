"""Whether a link is asked at all: its breaker, and the mark of a link whose settings are wrong."""

import time
from typing import Final, Literal, TypedDict

from loguru import logger

from kotaemon_async.answers.llm.base import Blame, Clock, LinkFailed, NothingToSay
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.breaker import Breaker

#: A link whose settings are wrong is asked again after this long, by one question.
ASK_AGAIN_S: Final = 300.0
#: So many refusals in a row that may be the prompt's fault are the settings' fault.
REFUSALS: Final = 3

Standing = Literal["closed", "open", "half_open", "misconfigured"]

_BLAME_BY_CODE: Final[dict[str, Blame]] = {"misconfigured": "setting", "busy": "nobody"}


class LinkState(TypedDict):
    """What is known about a link; `code` and `message` say why it is not `closed`."""

    state: Standing
    code: str | None
    message: str | None
    retry_in_s: float


class NotAsked(Unavailable):
    """The link was left alone; the code is the one of its last failure."""


class Guard:
    """Lets a call through or says why not; every call let through ends with one report.

    The reports are succeeded(), failed() and, for a call that was given up, forgot().
    """

    def __init__(self, name: str, *, clock: Clock = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._breaker = Breaker(name, clock=clock)
        self._last: Unavailable | None = None
        self._mark: Unavailable | None = None
        self._doubt: Unavailable | None = None
        self._ask_again_at_s = 0.0
        self._refusals = 0

    @property
    def is_well(self) -> bool:
        """Whether calls go through freely."""
        return self._mark is None and self._breaker.state == "closed"

    def refusal(self) -> NotAsked | None:
        """Why the link is not asked now; None lets one call through."""
        now_s = self._clock()
        if self._mark is not None and now_s < self._ask_again_at_s:
            return _not_asked(self._mark, self._ask_again_at_s - now_s)
        if not self._breaker.allow():
            return _not_asked(self._mark or self._last, self._breaker.retry_after_s)
        if self._mark is not None:
            self._ask_again_at_s = now_s + ASK_AGAIN_S  # this call is the probe, others keep waiting
        return None

    def succeeded(self) -> None:
        """The answer was whole."""
        self._breaker.success()
        self._refusals, self._doubt = 0, None
        if self._mark is not None:
            self._mark = None
            logger.bind(component=self._name).info("link_corrected")

    def failed(self, error: Unavailable) -> None:
        """The call failed; what follows depends on whose fault it was."""
        blame = blame_of(error)
        if blame == "nobody":
            return self.forgot()
        if blame == "server":
            self._last = error
            self._refusals, self._doubt = 0, None
            self._breaker.failure(error.retry_after_s)
            self._give_probe_back()
            return None
        self._breaker.forget()
        self._refusals += 1
        self._doubt = error
        if blame == "setting" or self._mark is not None or self._refusals >= REFUSALS:
            self._set_mark(error)
        return None

    def forgot(self) -> None:
        """The call was given up and says nothing about the link."""
        self._breaker.forget()
        self._give_probe_back()

    def state(self) -> LinkState:
        """What a health report tells of the link; `retry_in_s` is the time until it is asked again."""
        if self._mark is not None:
            wait_s = max(0.0, self._ask_again_at_s - self._clock())
            return _state("misconfigured", self._mark, wait_s)
        standing = self._breaker.state
        if self._doubt is not None and standing == "closed":
            return _state("misconfigured", self._doubt, 0.0)  # told, though the next prompt may do
        return _state(standing, None if standing == "closed" else self._last, self._breaker.retry_after_s)

    def _set_mark(self, error: Unavailable) -> None:
        if self._mark is None:
            logger.bind(component=self._name, code=error.code, reason=error.message).warning(
                "link_misconfigured"
            )
        self._mark = error
        self._ask_again_at_s = self._clock() + ASK_AGAIN_S

    def _give_probe_back(self) -> None:
        # The setting is still unproven; from here on the breaker alone decides when to ask.
        if self._mark is not None:
            self._ask_again_at_s = self._clock()


def blame_of(error: Unavailable) -> Blame:
    """Whose fault it is; a link that does not say so is judged by the code."""
    if isinstance(error, LinkFailed):
        return error.blame
    if isinstance(error, NothingToSay):
        return "nobody"
    return _BLAME_BY_CODE.get(error.code, "server")


def _not_asked(reason: Unavailable | None, wait_s: float) -> NotAsked:
    code, message = (reason.code, reason.message) if reason else ("llm_unavailable", "it failed")
    return NotAsked(f"not asked for {wait_s:.0f} s: {message}", code=code, retry_after_s=wait_s)


def _state(standing: Standing, why: Unavailable | None, retry_in_s: float) -> LinkState:
    return LinkState(
        state=standing,
        code=why.code if why else None,
        message=why.message if why else None,
        retry_in_s=round(retry_in_s, 3),
    )
