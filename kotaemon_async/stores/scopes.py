"""How statements look in a scope alone."""

import json

from kotaemon_async.domain.model import Scope


def scope_values(scope: Scope) -> dict[str, str | None]:
    """Return what a statement binds: `collections` and `document_ids`, each a JSON list or None."""
    return {
        "collections": None if scope.collections is None else json.dumps(scope.collections),
        "document_ids": json.dumps(scope.document_ids) if scope.document_ids else None,
    }
