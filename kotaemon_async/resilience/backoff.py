"""How long to wait before trying again."""

import random as _random
from collections.abc import Callable


def backoff_s(
    attempt: int,
    *,
    base_s: float,
    cap_s: float,
    factor: float = 2.0,
    random: Callable[[], float] = _random.random,
) -> float:
    """Return the seconds before attempt + 1, from `base_s` up to `cap_s`; the upper half is random.

    `attempt` counts from 1; `random` gives numbers from 0 to 1.
    """
    # factor**60 of any base is past any cap, and a larger exponent would overflow a float
    ceiling_s = min(cap_s, base_s * factor ** min(max(attempt, 1) - 1, 60))
    return ceiling_s * (0.5 + 0.5 * random())
