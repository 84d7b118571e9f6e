"""How many files and connections this process may have open."""

import resource
from typing import Final

#: More would only be memory for tables; the service manager's unit asks for as many.
_ENOUGH: Final = 65_536


def raise_limit(most: int = _ENOUGH) -> int:
    """Raise the soft limit of descriptors as far as the hard one allows, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    return most if soft == resource.RLIM_INFINITY else min(soft, most)
