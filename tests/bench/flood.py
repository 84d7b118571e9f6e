"""Many uploads at once from a process of their own: `python -m tests.bench.flood PORT COUNT SIZE_BYTES`.

Each is sent again after Retry-After until it is accepted. Prints JSON: how often which status came (or
which exception), and how many were accepted.
"""

import asyncio
import json
import re
import sys
from collections import Counter

_PIECE = b"Words that fill a body up to its size, over and over again. \n" * 1000
_HEAD = (
    b"POST /api/v1/documents HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
)
_FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%d.txt"\r\n\r\n%d\n'
_END = b"\r\n--x--\r\n"
_PATIENCE_S = 60.0


async def _ask(port: int, number: int, size_bytes: int) -> tuple[int, float]:
    """The status and what Retry-After says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        form = _FORM % (number, number)
        writer.write(_HEAD % size_bytes + form)
        left = size_bytes - len(form) - len(_END)
        while left > 0:
            writer.write(_PIECE[:left])
            await writer.drain()
            left -= len(_PIECE)
        writer.write(_END)
        reply = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    finally:
        writer.close()
    asked = re.search(r"(?i)\r\nretry-after: (\d+)", reply)
    return int(reply.split()[1]), float(asked[1]) if asked else 1.0


async def _upload(port: int, number: int, size_bytes: int, seen: Counter[str]) -> bool:
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            try:
                status, wait_s = await _ask(port, number, size_bytes)
            except (OSError, EOFError) as error:
                seen[type(error).__name__] += 1
                return False
            seen[str(status)] += 1
            if status in (200, 202):
                return True
            await asyncio.sleep(wait_s)


async def _flood(port: int, count: int, size_bytes: int) -> None:
    seen: Counter[str] = Counter()
    ends = await asyncio.gather(*(_upload(port, number, size_bytes, seen) for number in range(count)))
    sys.stdout.write(json.dumps({"replies": seen, "accepted": sum(ends)}))


if __name__ == "__main__":
    asyncio.run(_flood(*map(int, sys.argv[1:])))
