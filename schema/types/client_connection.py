"""The Relay connection of clients: windows of the list with totals and cursors."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import strawberry

from schema.source.errors import Unavailable
from schema.source.records import ClientRecord, Page, PageSort, Window
from schema.types.client import FREE, Client
from schema.types.client_facets import ClientFacets
from schema.types.cursors import MARK, NO_ID, Cursor, mark_of, sorted_cursor
from schema.types.record_fields import computed, malformed
from schema.types.scalars import integer

OF_ROW = "of a row"
"""Metadata of an edge's field: the function that computes it from all edges and its index."""
BESIDE, BESIDE_ENDS = 4, 16
"""Neighbours marked on each side of a cursor's row; for a page's end rows, towards the page."""


class LazyEdges:
    """Consecutive rows of a list of `total` rows as edges, each created on access."""

    __slots__ = ("_marks", "before", "begin", "records", "sort", "total")

    def __init__(
        self,
        records: Sequence[ClientRecord],
        begin: int | None,
        total: int = 0,
        beside: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
        sort: PageSort | None = None,
    ) -> None:
        """Create the edges; `begin` is the absolute index of the first of `records`, or None.

        The edges of a mutation are in no list: `begin` is None. `beside`: ids of the rows before
        and after `records`, as far as they are known. `sort`: how the list is sorted.
        """
        self.records = records
        self.begin = begin
        self.total = total
        self.sort = sort
        self.before = len(beside[0])
        self._marks: bytes | tuple[tuple[str, ...], tuple[str, ...]] = beside

    def __iter__(self) -> Iterator["ClientEdge"]:
        for place in range(len(self.records)):
            yield ClientEdge(edges=self, place=place)

    def cursor(self, place: int) -> str | None:
        """Return the cursor of the first row (0) or of the last (-1), None without rows."""
        if not self.records:
            return None
        return cursor_of(self, place % len(self.records))

    @property
    def marks(self) -> bytes:
        """Return the marks of all rows known here, one after another."""
        if not isinstance(self._marks, bytes):
            before, after = self._marks
            ids = (*before, *(record.id for record in self.records), *after)
            self._marks = b"".join(map(mark_of, ids))
        return self._marks


def cursor_of(edges: LazyEdges, place: int) -> str:
    """Return the cursor of the row at `place` among `edges`."""
    record = edges.records[place]
    if edges.sort is not None:
        fingerprint, values = edges.sort
        return sorted_cursor(fingerprint, record.id, values(record))
    id = NO_ID if record.unreadable else record.id
    if edges.begin is None:
        return str(Cursor(None, id))
    marks, at = edges.marks, (edges.before + place) * MARK
    back = BESIDE_ENDS if place == len(edges.records) - 1 else BESIDE
    ahead = BESIDE if place else BESIDE_ENDS
    before = marks[max(0, at - back * MARK) : at]
    after = marks[at + MARK : at + (1 + ahead) * MARK]
    return str(Cursor(edges.begin + place, id, edges.total, before, after))


class MixedEdges(LazyEdges):
    """Edges with at least one row that has no client."""

    __slots__ = ()


def _page_cursor_field(place: int, description: str) -> Any:
    """Return a field for a page's cursor, which is computed when selected."""

    def make(info: Any) -> str | None:
        return cast("LazyEdges", info.edges).cursor(place)

    return computed(make, description)


@strawberry.federation.type(
    shareable=True, description="The position of this page in the list.", directives=[FREE]
)
class PageInfo:
    """Relay's PageInfo (Cursor Connections Specification)."""

    edges: strawberry.Private[LazyEdges]

    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = _page_cursor_field(0, "Cursor of the first row of the page.")
    end_cursor: str | None = _page_cursor_field(-1, "Cursor of the last row of the page.")


def _cursor(root: Any) -> str:
    return cursor_of(root.edges, root.place)


def _node(root: Any) -> Client:
    if root.record.unreadable:
        raise Unavailable(
            "The API listed a row here that has no id, none that can be one, or one it listed"
            " before.",
            code="UPSTREAM_BAD_RESPONSE",
        )
    return Client.of(root.record)


@strawberry.type(description="A client and its cursor in a list.", directives=[FREE])
class ClientEdge:
    """Relay's edge (Cursor Connections Specification)."""

    edges: strawberry.Private[LazyEdges]
    """All edges of the page."""
    place: strawberry.Private[int]
    """Its index among them."""

    @property
    def record(self) -> ClientRecord:
        """Return the row's record."""
        return self.edges.records[self.place]

    cursor: str = strawberry.field(
        resolver=_cursor,
        description="An opaque value for `after` or `before`.",
        metadata={OF_ROW: cursor_of},
    )
    node: Client | None = strawberry.field(resolver=_node, description="The client.")


def _total(connection: Any) -> int:
    try:
        return integer(connection.total)
    except ValueError:
        raise malformed("meta.total") from None


@strawberry.type(description="A page of clients and its position in the list.", directives=[FREE])
class ClientConnection:
    """Relay's connection (Cursor Connections Specification)."""

    total: strawberry.Private[int]
    """The total as the API counts it."""
    counts: strawberry.Private[Any]
    """The counts of the facets, None if they were not requested."""
    variables: strawberry.Private[Any] = None
    """The variables of the operation, for arguments below it in compiled operations."""

    edges: list[ClientEdge] = strawberry.field(description="The rows, in order.")
    page_info: PageInfo = strawberry.field(description="The position of this page.")
    total_count: int = computed(
        _total, "Number of matching clients. Costs no call beyond those for the rows."
    )
    facets: ClientFacets = computed(
        lambda root: ClientFacets(counts=root.counts, variables=root.variables),
        "Counts over all clients that match.",
    )


def make_edge(record: ClientRecord) -> ClientEdge:
    """Return an edge for a record that is in no list yet."""
    return ClientEdge(edges=LazyEdges((record,), None), place=0)


def _follow(window: Window, page: Page, high: int | None, stop: int, *, nonempty: bool) -> bool:
    """Return True if rows follow the page's rows, which end at `stop` (Relay Connections, 5.1).

    If rows were requested from the front and there are none, none follow: a client would have no
    cursor to continue with. `high` is where the last of them may be.
    """
    if window.limit and not nonempty and not window.from_end:
        return False
    if high is not None:
        return stop < high
    return stop < page.total or (page.more and stop == page.total)


def connection(window: Window, page: Page, variables: object = None) -> ClientConnection:
    """Return the connection for the part of `page` that `window` requested.

    `variables` are those of a compiled operation.
    """
    between, bounds = window.between, page.bounds
    if page.window is not None:
        window = page.window
    elif between is not None:
        bounds = between.nominal
    begin = max(0, page.total - window.limit) if window.from_end else window.offset
    rows = page.records[max(0, begin - page.offset) :][: window.limit] if window.limit else ()
    kind = MixedEdges if any(record.unreadable for record in rows) else LazyEdges
    edges = kind(rows, begin, page.total, page.beside, page.sort)
    backwards = between is not None and between.backwards
    return ClientConnection(
        edges=cast("list[ClientEdge]", edges),
        page_info=PageInfo(
            edges=edges,
            has_next_page=_follow(
                window,
                page,
                None if backwards else bounds.high,
                begin + len(rows),
                nonempty=bool(rows) or backwards,
            ),
            has_previous_page=begin > bounds.low if backwards else min(begin, page.total) > 0,
        ),
        total=page.total,
        counts=page.facets,
        variables=variables,
    )
