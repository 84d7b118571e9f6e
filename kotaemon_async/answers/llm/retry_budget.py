"""How many second tries a link may have, so that retries never multiply the load of a server in trouble."""

from typing import Final

#: In requests: a second try costs what this many first ones earn, which makes 10 % of them.
COST: Final = 10
MOST: Final = 10 * COST
AT_START: Final = 2 * COST


class RetryBudget:
    """A tenth of a second try for every request; two to begin with, never more than ten put by."""

    def __init__(self) -> None:
        self._earned = AT_START

    def earn(self) -> None:
        """Counts a request."""
        self._earned = min(MOST, self._earned + 1)

    def take(self) -> bool:
        """Whether a second try may be made now; if so it is paid for."""
        if self._earned < COST:
            return False
        self._earned -= COST
        return True
