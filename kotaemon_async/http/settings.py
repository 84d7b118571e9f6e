"""The settings of the HTTP server."""

from pydantic import IPvAnyNetwork

from kotaemon_async.domain.sections import SettingsSection, setting


class HttpSettings(SettingsSection):
    """The HTTP server."""

    host: str = setting("127.0.0.1", "Address to listen on.", min_length=1)
    port: int = setting(8000, "Port to listen on; 0 takes a free one.", ge=0, le=65535)
    max_upload_bytes: int = setting(100 * 1024**2, "Largest file that is accepted.", ge=1)
    max_concurrent_uploads: int = setting(8, "Uploads at once; further ones get 429.", ge=1)
    upload_wait_s: float = setting(
        1.0, "How long an upload waits for a slot before it gets 429.", ge=0, le=60
    )
    max_connections: int = setting(
        0, "Connections at once; 0 takes as many as there are descriptors for, less a quarter.", ge=0
    )
    max_name_length: int = setting(255, "Longest file name, in characters.", ge=8, le=1000)
    drain_s: float = setting(20.0, "Time that streams and jobs get to finish after SIGTERM.", ge=0)
    trusted_proxies: tuple[IPvAnyNetwork, ...] = setting(
        (), "Addresses and networks of proxies whose X-Forwarded-* headers are believed; of others never."
    )
