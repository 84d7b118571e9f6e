"""How statements look in a scope alone."""

import json
from collections.abc import Sequence

from kotaemon_async.domain.model import Scope


def scope_values(scope: Scope) -> dict[str, str | None]:
    """Return what a statement binds: `collections` and `document_ids`, each a JSON list or None."""
    ids = json.dumps(scope.document_ids) if scope.document_ids else None
    return collection_values(scope.collections) | {"document_ids": ids}


def collection_values(names: Sequence[str] | None) -> dict[str, str | None]:
    """Return what a statement binds that looks in some collections, or in all of them: `collections`."""
    return {"collections": None if names is None else json.dumps(list(names))}
