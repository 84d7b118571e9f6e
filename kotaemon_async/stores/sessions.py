"""Browsers that signed in with a key: one digest of a cookie for each, beside the keys in the ledger."""

import secrets
from typing import Final

import apsw

from kotaemon_async.stores.api_keys import SQL, digest_of
from kotaemon_async.stores.sqlite import Store, reads, writes

#: A session ends at the latest after this time.
LASTS_S: Final = 30 * 24 * 3600.0
#: Of one key; the oldest ones end.
MOST_OF_A_KEY: Final = 100


class Sessions(Store):
    """Reads and changes sessions; each ends with its key, too."""

    @writes
    def begin(self, conn: apsw.Connection, key_id: str, now_s: float) -> str:
        """Begin a session and return its token, which is kept nowhere."""
        token = secrets.token_urlsafe(32)
        row = {
            "digest": digest_of(token),
            "key_id": key_id,
            "created_at": now_s,
            "expires_at": now_s + LASTS_S,
        }
        conn.execute(SQL["forget_sessions"], {"now": now_s})
        conn.execute(SQL["begin_session"], row)
        conn.execute(SQL["oldest_sessions"], {"key_id": key_id, "most": MOST_OF_A_KEY})
        return token

    @writes
    def end(self, conn: apsw.Connection, digest: str) -> None:
        """End the session, if there is one."""
        conn.execute(SQL["end_session"], {"digest": digest})

    @reads
    def current(self, conn: apsw.Connection, now_s: float) -> dict[str, tuple[str, float]]:
        """Return the id of the key and the end of each session, by the digest of its token."""
        return {row[0]: (row[1], row[2]) for row in conn.execute(SQL["sessions"], {"now": now_s})}
