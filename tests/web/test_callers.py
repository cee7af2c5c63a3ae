import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.authentication import Authenticator
from schema.source.errors import Unauthenticated
from schema.source.request_context import Caller, Credential

KEY = "ab" * 32
NOW = 1_800_000_000.0


def callers(**options: object) -> Authenticator:
    return Authenticator(secret=b"s" * 32, now=lambda: NOW, **options)  # type: ignore[arg-type]


def jwt(**claims: object) -> bytes:
    def part(content: object) -> bytes:
        return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")

    return b"Bearer " + b".".join([part({"alg": "HS256"}), part(claims), b"c2lnbmF0dXJl"])


def test_an_api_key_is_the_callers_credential() -> None:
    found = callers().authenticate({b"x-api-key": [KEY.encode()]})

    assert found is not None
    assert found.credential == Credential("X-API-Key", KEY)


def test_a_credential_shows_in_no_repr_and_no_partition() -> None:
    found = callers().authenticate({b"x-api-key": [KEY.encode()]})

    assert KEY not in repr(found)


def test_two_credentials_are_two_partitions_and_one_is_one() -> None:
    authenticator = callers()
    first, again, other = (
        authenticator.authenticate({b"x-api-key": [key]})
        for key in (b"ab" * 32, b"ab" * 32, b"cd" * 32)
    )

    assert first == again
    assert first != other


def test_a_bearer_token_is_passed_on_as_it_came() -> None:
    token = jwt(exp=NOW + 60)
    found = callers().authenticate({b"authorization": [token]})

    assert found is not None
    assert found.credential == Credential("Authorization", token.decode())


@pytest.mark.parametrize(
    "value",
    [
        jwt(sub="ada").replace(b" ", b"  ", 1),
        jwt(sub="ada").replace(b"Bearer", b"bEARER", 1),
        jwt(sub="ada") + b" \t",
        b" " + jwt(sub="ada"),
    ],
)
def test_blanks_that_http_allows_make_no_other_caller(value: bytes) -> None:
    assert callers().authenticate({b"authorization": [value]}) == callers().authenticate(
        {b"authorization": [jwt(sub="ada")]}
    )


def test_blanks_around_a_key_are_no_part_of_it() -> None:
    found = callers().authenticate({b"x-api-key": [b"\t" + KEY.encode() + b" "]})

    assert credential(found) == Credential("X-API-Key", KEY)


@pytest.mark.parametrize("token", [jwt(exp=NOW - 29), jwt(sub="ada", groups=["g" * 50] * 100)])
def test_tokens_are_taken_up_to_8_kb_and_for_half_a_minute_past_their_end(token: bytes) -> None:
    assert len(token) < 8192
    assert callers().authenticate({b"authorization": [token]}) is not None


def test_a_request_without_a_credential_has_no_caller() -> None:
    assert callers().authenticate({}) is None


@given(st.binary(max_size=80))
def test_what_cannot_be_an_api_key_is_refused_here(value: bytes) -> None:
    with pytest.raises(Unauthenticated):
        callers().authenticate({b"x-api-key": [value]})


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer a.b",
        b"Bearer a.b.c",
        b"Basic dXNlcjpwYXNz",
        b"Bearer a b.c.d",
        b"Bearer " + b"a" * 8192 + b".b.c",
        b"Bearer\ta.b.c",
        b"Bearera.b.c",
        b"Bearer a.b.c, Bearer a.b.c",
        jwt(exp=NOW - 30),
        jwt(exp="soon"),
    ],
)
def test_what_cannot_be_a_valid_token_is_refused_here(value: bytes) -> None:
    with pytest.raises(Unauthenticated):
        callers().authenticate({b"authorization": [value]})


def partition(token: bytes, *accepted: bytes) -> str:
    """Where a token's caller is kept, once the API has accepted some tokens."""
    alone = callers()
    known = {
        found.hash for each in accepted if (found := alone.authenticate({b"authorization": [each]}))
    }
    found = callers(proven=known.__contains__).authenticate({b"authorization": [token]})
    assert found is not None
    return found.partition


OLD, NEW = jwt(iss="api", sub="ada", exp=NOW + 60), jwt(iss="api", sub="ada", exp=NOW + 900)


def test_a_refreshed_token_joins_its_users_partition_once_the_api_has_accepted_it() -> None:
    before = partition(NEW, OLD)

    assert before == partition(NEW)
    assert before != partition(OLD, OLD)
    assert partition(NEW, OLD, NEW) == partition(OLD, OLD)


@pytest.mark.parametrize(
    "other",
    [
        jwt(iss="api", sub="grace", exp=NOW + 60),
        jwt(iss="elsewhere", sub="ada", exp=NOW + 60),
        jwt(iss="api", sub="ada", scope="clients:read", exp=NOW + 60),
        jwt(iss="api", sub="ada", role="broker", exp=NOW + 60),
        jwt(iss="api", sub="ada", org_id="other", exp=NOW + 60),
        jwt(iss="api", sub="ada", **{"https://api.test/tenant": 7}, exp=NOW + 60),
        jwt(iss="api", sub="ada", act={"sub": "broker"}, exp=NOW + 60),
        jwt(iss="api", sub="ada", email_verified=False, exp=NOW + 60),
        jwt(iss="api", exp=NOW + 60),
        jwt(iss="api", sub=["ada"], exp=NOW + 60),
    ],
)
def test_another_issuer_user_or_reach_is_another_partition(other: bytes) -> None:
    assert partition(other, OLD, other) != partition(OLD, OLD)


def test_claims_that_each_token_has_its_own_of_make_no_other_user() -> None:
    other = jwt(exp=NOW + 90, nbf=1, iat=2, jti="x", auth_time=3, sub="ada", iss="api")

    assert partition(other, other) == partition(OLD, OLD)


def test_a_token_that_is_not_proven_names_its_user_for_what_is_on_record() -> None:
    known = callers(proven=lambda _: True).authenticate({b"authorization": [OLD]})
    new = callers().authenticate({b"authorization": [NEW]})

    assert known is not None
    assert new is not None
    assert (new.identity, new.partition) == (known.partition, new.hash)
    assert known.identity == known.partition


def test_a_credential_that_the_api_refused_is_refused_before_anything_is_looked_at() -> None:
    authenticator = callers(refused=lambda _: True, service=SERVICE)

    for headers in ({b"x-api-key": [KEY.encode()]}, {b"authorization": [OLD]}):
        with pytest.raises(Unauthenticated, match="does not accept"):
            authenticator.authenticate(headers)
    assert credential(authenticator.authenticate({})) == SERVICE, "its callers cannot mend it"


def test_what_the_api_judges_by_stays_the_tokens_own() -> None:
    found = callers(proven=lambda _: True).authenticate({b"authorization": [OLD]})
    alone = callers().authenticate({b"authorization": [OLD]})

    assert found is not None
    assert alone is not None
    assert (found.hash, alone.hash) == (alone.partition, alone.partition)
    assert found.credential == alone.credential


def test_claims_nested_beyond_all_sense_are_refused_like_any_nonsense() -> None:
    payload = urlsafe_b64encode(b'{"role":' + b"[" * 2900).rstrip(b"=")

    with pytest.raises(Unauthenticated):
        callers().authenticate({b"authorization": [b"Bearer a." + payload + b".c"]})


@pytest.mark.parametrize(
    "headers",
    [
        {b"x-api-key": [KEY.encode()], b"authorization": [jwt()]},
        {b"x-api-key": [KEY.encode(), KEY.encode()]},
    ],
)
def test_more_than_one_credential_is_refused(headers: dict[bytes, list[bytes]]) -> None:
    with pytest.raises(Unauthenticated, match="Send one credential"):
        callers().authenticate(headers)


SERVICE = Credential("X-API-Key", "cd" * 32)


def credential(caller: Caller | None) -> Credential | None:
    return None if caller is None else caller.credential


def test_the_service_acts_for_a_caller_that_proves_itself() -> None:
    authenticator = callers(service=SERVICE, token="a shared token")

    assert (
        credential(authenticator.authenticate({b"x-gateway-token": [b"a shared token"]})) == SERVICE
    )


@pytest.mark.parametrize("shown", [[], [b"another token"], [b"a shared token", b"x"]])
def test_the_service_acts_for_no_other_caller(shown: list[bytes]) -> None:
    with pytest.raises(Unauthenticated, match="X-Gateway-Token"):
        callers(service=SERVICE, token="a shared token").authenticate({b"x-gateway-token": shown})


def test_a_callers_own_credential_goes_before_the_services() -> None:
    authenticator = callers(service=SERVICE, token="a shared token")

    assert credential(authenticator.authenticate({b"x-api-key": [KEY.encode()]})) == Credential(
        "X-API-Key", KEY
    )
