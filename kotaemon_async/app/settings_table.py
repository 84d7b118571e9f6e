"""Every setting with its default, as config/settings.md and the example file show them."""

import json
import sys
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from kotaemon_async.app.settings import PREFIX, Settings


def leaves() -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting with its dotted name, in the order of the example file."""
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        if inner is None:
            yield name, field
        else:
            yield from ((f"{name}.{key}", leaf) for key, leaf in inner.items())


def settings_table() -> str:
    """Return a Markdown table of every setting, as config/settings.md holds it."""
    rows = ["| setting | environment | default | meaning |", "|---|---|---|---|"]
    for dotted, field in leaves():
        variable = PREFIX + dotted.upper().replace(".", "__")
        rows.append(f"| `{dotted}` | `{variable}` | `{toml_value(field.default)}` | {field.description} |")
    return "\n".join(rows) + "\n"


def toml_value(default: object) -> str:
    """Return a default as TOML writes it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int):
        return f"{default:_}" if default >= 100_000 else str(default)
    if isinstance(default, float):
        return repr(default)
    return json.dumps(list(default) if isinstance(default, tuple) else str(default))


_PAGE = """# Settings

From a TOML file (`kotaemon-async serve --config FILE`, or `KOTAEMON_CONFIG`) and from the environment, which
wins. This page is written by `make settings`; `kotaemon.example.toml` holds the same, ready to be changed.

"""

if __name__ == "__main__":
    sys.stdout.write(_PAGE + settings_table())
