"""Network addresses as text: which one is meant, and whether it is this machine alone."""

from ipaddress import IPv4Address, IPv6Address, ip_address


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address, an IPv4 one inside of an IPv6 one as itself; None for any other text.

    >>> address_of("::ffff:192.0.2.7"), address_of("localhost")
    (IPv4Address('192.0.2.7'), None)
    """
    try:
        found = ip_address(text)
    except ValueError:
        return None
    # A socket for both families shows the older addresses inside of the newer.
    return getattr(found, "ipv4_mapped", None) or found


def is_loopback(text: str) -> bool:
    """Return whether only this machine reaches the address.

    >>> is_loopback("127.8.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    found = address_of(text)
    return text.lower() == "localhost" if found is None else found.is_loopback
