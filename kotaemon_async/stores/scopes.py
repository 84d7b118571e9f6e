"""How statements look in a scope alone."""

import json
from collections.abc import Callable, Sequence

from kotaemon_async.domain.model import Scope


def scope_values(scope: Scope) -> dict[str, str | None]:
    """Return what a statement binds: `collections` and `document_ids`, each a JSON list or None."""
    ids = json.dumps(scope.document_ids) if scope.document_ids else None
    return collection_values(scope.collections) | {"document_ids": ids}


def collection_values(names: Sequence[str] | None) -> dict[str, str | None]:
    """Return what a statement binds that looks in some collections, or in all of them: `collections`."""
    return {"collections": None if names is None else json.dumps(list(names))}


def holds(scope: Scope) -> Callable[[str, str], bool]:
    """Return what tells whether a document, by its id and its collection, is in the scope.

    For a statement that looks at some chunks: to give it a thousand documents would cost it more than to
    look at them.
    """
    documents, collections = frozenset(scope.document_ids), frozenset(scope.collections or ())

    def is_inside(document_id: str, collection: str) -> bool:
        in_collection = scope.collections is None or collection in collections
        return in_collection and (not documents or document_id in documents)

    return is_inside
