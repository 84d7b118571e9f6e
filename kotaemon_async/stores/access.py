"""Who sees what: the one place that decides which collections and documents a caller may read or write."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import apsw

from kotaemon_async.domain.callers import Caller, shown_collection
from kotaemon_async.domain.model import Document, Filters, Scope
from kotaemon_async.domain.text import folded
from kotaemon_async.stores import documents
from kotaemon_async.stores.collections import (
    Rights,
    check,
    forbidden,
    place_for,
    read_names,
    rights_in,
    rights_of,
    written_name,
)
from kotaemon_async.stores.scopes import collection_values, scope_values
from kotaemon_async.stores.sqlite import Store, queries, reads

SQL = queries("access.sql")
_NO_FILTERS: Final = Filters()


class Access(Store):
    """What callers may see and change; what is not theirs to see is refused like what is not there."""

    @reads
    def readable(self, conn: apsw.Connection, caller: Caller) -> tuple[str, ...] | None:
        """Return the collections that the caller may read, as they are kept; None for all of them."""
        return _readable(conn, caller)

    @reads
    def writable(
        self, conn: apsw.Connection, caller: Caller, collection: str | None = None
    ) -> tuple[str, ...] | None:
        """Return the collections that the caller may write in, or that he calls so; None for all of them.

        Raises: Refused `forbidden` when he may only read what he calls so.
        """
        if collection is None:
            return _readable(conn, caller, least=Rights.WRITE)
        rights = {name: rights_in(conn, caller, name) for name in read_names(conn, caller, collection)}
        found = tuple(name for name, one in rights.items() if one is not None and one >= Rights.WRITE)
        if rights and not found:
            raise forbidden(Rights.WRITE)
        return found

    @reads
    def scope(
        self,
        conn: apsw.Connection,
        caller: Caller,
        collection: str | None = None,
        document_ids: Sequence[str] = (),
        filters: Filters = _NO_FILTERS,
    ) -> Scope:
        """Return where the caller looks who names a collection or documents, or neither for all he may read.

        What is not there and what is not his make the scope empty alike; filters only ever leave out.
        """
        return _filtered(conn, caller, _scope(conn, caller, collection, document_ids), filters)

    @reads
    def document(
        self, conn: apsw.Connection, caller: Caller, document_id: str, *, write: bool = False
    ) -> Document:
        """Return the document, called as it is for the caller.

        Raises: Refused `not_found`, and `forbidden` when he may read it and wants to `write`.
        """
        return _seen(conn, caller, document_id, write=write)[1]

    @reads
    def versioned(self, conn: apsw.Connection, caller: Caller, document_id: str) -> tuple[int, Document]:
        """Return the number of the document's last event and the document; raises Refused `not_found`."""
        return _seen(conn, caller, document_id)

    @reads
    def events(
        self, conn: apsw.Connection, wanted: Mapping[Caller, Sequence[str] | None]
    ) -> dict[Caller, dict[str, int]]:
        """Return for each caller the number of the last event of each document that he may read.

        Of those that are wanted by id, or of all.
        """
        return {caller: _events(conn, caller, ids) for caller, ids in wanted.items()}

    @reads
    def several(self, conn: apsw.Connection, caller: Caller, document_ids: Sequence[str]) -> list[Document]:
        """Return those of the documents that the caller may read, the one that changed last at the end."""
        names = _readable(conn, caller)
        found = documents.several_of(conn, document_ids)
        return _shown(conn, caller, [one for one in found if names is None or one.collection in names])

    @reads
    def page(
        self, conn: apsw.Connection, caller: Caller, query: documents.ListQuery
    ) -> tuple[list[Document], str | None]:
        """Return one page of the documents that the caller may read, newest first, and the next cursor."""
        names = _readable(conn, caller)
        if query.collection is not None:
            names = read_names(conn, caller, query.collection)
        if query.parent_id is not None and not _may_read(conn, caller, query.parent_id):
            names = ()
        found, following = documents.page_in(conn, query, names)
        return _shown(conn, caller, found), following

    @reads
    def collection(self, conn: apsw.Connection, caller: Caller, name: str, *, write: bool = False) -> str:
        """Return what the collection is kept as that the caller calls so.

        Raises: Refused `not_found`, and `forbidden` when he may read it and wants to `write`.
        """
        kept = written_name(conn, caller, name)
        least = Rights.WRITE if write else Rights.READ
        check(rights_in(conn, caller, kept), shown_collection(kept, caller), least=least)
        return kept

    @reads
    def check_place(self, conn: apsw.Connection, caller: Caller, name: str) -> None:
        """Raise Refused when the caller may not write into what he calls so, and cannot make it either."""
        place_for(conn, caller, name)

    @reads
    def shown(self, conn: apsw.Connection, caller: Caller, found: Document) -> Document:
        """Return the document as it is for the caller, who may read it."""
        return _shown(conn, caller, [found])[0]


def _scope(
    conn: apsw.Connection, caller: Caller, collection: str | None, document_ids: Sequence[str]
) -> Scope:
    names = _readable(conn, caller) if collection is None else read_names(conn, caller, collection)
    if names is None or not document_ids:
        return Scope(names, tuple(document_ids))
    rows, readable = conn.execute(SQL["of_documents"], {"ids": json.dumps(list(document_ids))}), set(names)
    found = {one: held_in for one, held_in in rows if held_in in readable}
    return Scope(tuple(sorted(set(found.values()))), tuple(one for one in document_ids if one in found))


def _filtered(conn: apsw.Connection, caller: Caller, scope: Scope, filters: Filters) -> Scope:
    """Return what the filters leave of the scope, by id where more than collections count."""
    if filters.collections:
        named = {kept for one in filters.collections for kept in read_names(conn, caller, one)}
        kept_too = named if scope.collections is None else named & set(scope.collections)
        scope = replace(scope, collections=tuple(sorted(kept_too)))
    if not filters.look_at_documents or scope.collections == ():
        return scope
    values: dict[str, object] = {
        "media_types": json.dumps(filters.media_types) if filters.media_types else None,
        "names": json.dumps([folded(one) for one in filters.names]) if filters.names else None,
        "created_after": filters.created_after_s,
        "created_before": filters.created_before_s,
        **scope_values(scope),
    }
    found = tuple(row[0] for row in conn.execute(SQL["filtered"], values))
    if not found:
        return Scope(())
    # What leaves nothing out need not be looked at again, document by document.
    is_all = len(found) == conn.execute(SQL["counted"], values).get
    return scope if is_all else replace(scope, document_ids=found)


def _readable(
    conn: apsw.Connection, caller: Caller, *, least: Rights = Rights.READ
) -> tuple[str, ...] | None:
    if caller.is_admin:
        return None
    return tuple(name for name, rights in rights_of(conn, caller).items() if rights >= least)


def _may_read(conn: apsw.Connection, caller: Caller, document_id: str) -> bool:
    if caller.is_admin:
        return True
    rows = conn.execute(SQL["of_documents"], {"ids": json.dumps([document_id])})
    return any(rights_in(conn, caller, collection) is not None for _, collection in rows)


def _seen(
    conn: apsw.Connection, caller: Caller, document_id: str, *, write: bool = False
) -> tuple[int, Document]:
    number, document = documents.document_in(conn, document_id)
    rights = Rights.OWN if caller.is_admin else rights_in(conn, caller, document.collection)
    if rights is None:
        raise documents.no_document(document_id)
    if write and rights < Rights.WRITE:
        raise forbidden(Rights.WRITE)
    (shown,) = _shown(conn, caller, [document])
    return number, shown


def _shown(conn: apsw.Connection, caller: Caller, found: Sequence[Document]) -> list[Document]:
    """Return the documents as they are for the caller: his names of collections, and no foreign archives."""
    parents = {one.parent_id for one in found if one.parent_id is not None}
    if parents and not caller.is_admin:
        rows = conn.execute(SQL["of_documents"], {"ids": json.dumps(sorted(parents))})
        names = set(_readable(conn, caller) or ())
        parents = {one for one, collection in rows if collection in names}
    return [
        replace(
            one,
            collection=shown_collection(one.collection, caller),
            parent_id=one.parent_id if one.parent_id in parents else None,
        )
        for one in found
    ]


def _events(conn: apsw.Connection, caller: Caller, ids: Sequence[str] | None) -> dict[str, int]:
    names = _readable(conn, caller)
    if ids is not None:
        values = {"ids": json.dumps(list(ids)), **collection_values(names)}
        return dict(conn.execute(SQL["events_of"], values))
    if names is None:
        return dict(conn.execute(SQL["all_events"]))
    return dict(conn.execute(SQL["events_in"], collection_values(names)))
