import pytest

from gateway.api.client import auth_header
from schema.source.errors import Unauthenticated
from schema.source.records import FIELDS, ClientFilter, ClientId, Window
from schema.source.request_context import Caller, Credential, Priority
from schema.source.writes import NewClient
from tests.upstream.rest.conftest import Scripted, asking, reply, source

ID = ClientId("a3f8c1d2-6b4e-4a9f-8d27-95c0e3b1f684")


@pytest.mark.parametrize(
    ("credential", "header"),
    [
        (Credential("X-API-Key", "f" * 64), (b"X-API-Key", b"f" * 64)),
        (Credential("Authorization", "Bearer a.b.c"), (b"Authorization", b"Bearer a.b.c")),
    ],
)
def test_a_credential_goes_up_in_the_header_it_came_in(
    credential: Credential, header: tuple[bytes, bytes]
) -> None:
    assert auth_header(Caller("a partition", credential)) == header


@pytest.mark.parametrize("value", ["caf\xe9", "\u2603", "a\r\nX-Other: b", "a\0"])
async def test_what_no_header_can_carry_is_refused_without_a_call_and_not_quoted(
    value: str,
) -> None:
    wire = Scripted(lambda _: reply(200, b""))
    operation = asking(value)

    (found,) = await source(wire).fetch(operation, [ID], FIELDS, Priority.INTERACTIVE)
    with pytest.raises(Unauthenticated):
        await source(wire).read_page(operation, ClientFilter(), Window(0, 5), FIELDS)
    with pytest.raises(Unauthenticated):
        await source(wire).create(operation, NewClient("A", "B", "buyer"))

    assert isinstance(found, Unauthenticated)
    assert value not in found.message
    assert wire.calls == []
