"""The quick look at a request gives the verdict that all checks together would give."""

from collections.abc import Sequence
from types import FunctionType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ratelimit.admission import AdmissionController, Permit
from gateway.ratelimit.call_context import CallContext
from gateway.ratelimit.credentials import CredentialHistory
from gateway.ratelimit.outcomes import OutcomeRecorder
from gateway.ratelimit.window import RateLimitWindow
from gateway.transport.errors import ConnectError, PoolTimeout, ReadError, TransportError
from gateway.transport.messages import Response
from schema.source.request_context import Priority, Receipt
from tests.upstream.transports.conftest import Known
from tests.wires import respond

CALLERS = "abc"
"""The last of them is a stranger at first."""


class Ask(NamedTuple):
    """Somebody asks, so many seconds after what was before."""

    after: float
    terms: CallContext


class End(NamedTuple):
    """One of the requests under way ends."""

    after: float
    which: int
    end: Response | TransportError


class Deliberate(AdmissionController):
    """One that looks at nothing quickly."""

    def can_send_now(self, context: CallContext, now: float) -> bool:
        del context, now
        return False


def look(admission: AdmissionController, terms: CallContext, now: float) -> Permit | str | None:
    """The verdict on a request that finds a place: to go, why not, or to wait in line."""
    if admission.can_send_now(terms, now):
        return admission.acquire(terms, now)
    if barred := admission.rejection(terms, now):
        return str(barred)
    if admission.wait(terms, now):
        return str(admission.rate_limited_error(terms, now))
    return admission.acquire(terms, now) if admission.has_slot(terms, now) else None


def lived(admission: AdmissionController, history: Sequence[Ask | End]) -> list[object]:
    """All that it says in the course of `history`, and last what it knows."""
    outcomes = OutcomeRecorder(admission, accepts=lambda _: True, refuses=lambda _: True)
    verdicts: list[object] = []
    flying: list[Permit] = []
    now = 0.0
    for event in history:
        now += event.after
        if isinstance(event, Ask):
            verdicts += [admission.wait(event.terms, now), admission.rank(event.terms, now)]
            verdicts.append(answer := look(admission, event.terms, now))
            flying += [answer] if isinstance(answer, Permit) else []
        elif flying:
            turn, end = flying.pop(event.which % len(flying)), event.end
            if isinstance(end, Response):
                outcomes.record_response(turn, end, now, "/")
            else:
                outcomes.record_no_response(turn, end, now, "/")
        verdicts.append(admission.state(now))
    return [*verdicts, known(admission)]


def known(part: object) -> object:
    if isinstance(part, FunctionType):
        return part.__qualname__  # each of the two has its own
    inside = getattr(part, "__dict__", None)
    return {name: known(value) for name, value in inside.items()} if inside else part


def answer(status: int, remaining: int | None) -> Response:
    if remaining is None:
        return respond(status)
    window = {"Limit": 40, "Remaining": remaining, "Reset": 60}
    return respond(
        status, headers={f"RateLimit-{name}": str(number) for name, number in window.items()}
    )


SECONDS = st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0, 70.0])
ASKS = st.builds(
    lambda after, caller, priority: Ask(after, CallContext(priority, caller, caller, Receipt())),
    SECONDS,
    st.sampled_from(CALLERS),
    st.sampled_from(Priority),
)
STATUSES = st.sampled_from([200, 200, 200, 200, 401, 404, 429, 503])
ANSWERS = st.builds(answer, STATUSES, st.none() | st.integers(0, 40))
LOSSES = st.sampled_from([ReadError("lost"), ConnectError("refused"), PoolTimeout("full")])
ENDS = st.builds(End, SECONDS, st.integers(0, 9), ANSWERS | ANSWERS | ANSWERS | LOSSES)
OUTAGE = st.builds(End, SECONDS, st.integers(0, 9), st.builds(answer, st.just(503), st.none()))
HISTORIES = st.tuples(
    st.lists(ASKS | ENDS, min_size=20, max_size=40),
    st.just([]) | st.lists(ASKS | OUTAGE, min_size=30, max_size=40),
    st.lists(ASKS | ENDS, min_size=20, max_size=40),
).map(lambda parts: [event for part in parts for event in part])


@given(HISTORIES, st.sampled_from([5, 40]))
def test_a_quick_look_and_a_long_one_tell_the_same_and_leave_the_same_behind(
    history: list[Ask | End], limit: int
) -> None:
    quick, long = (
        lived(
            kind(RateLimitWindow(limit=limit), CredentialHistory(Known(*CALLERS[:2]))),
            history,
        )
        for kind in (AdmissionController, Deliberate)
    )

    assert quick == long


def test_nothing_stands_against_the_ordinary_request() -> None:
    admission = AdmissionController(RateLimitWindow(), CredentialHistory(Known("a")))
    terms = CallContext(Priority.INTERACTIVE, "a", "a", Receipt())

    assert admission.can_send_now(terms, 0.0)


@pytest.mark.parametrize(("own", "standing"), [(True, (True, True)), (False, (False, False))])
def test_only_what_is_the_apis_own_word_proves_or_refuses_a_credential(
    *, own: bool, standing: tuple[bool, bool]
) -> None:
    admission = AdmissionController(RateLimitWindow(), CredentialHistory())
    outcomes = OutcomeRecorder(admission, accepts=lambda _: own, refuses=lambda _: own)
    for credential, status in (("good", 200), ("bad", 401)):
        terms = CallContext(Priority.INTERACTIVE, credential, credential, Receipt())
        outcomes.record_response(
            admission.acquire(terms, 0.0), respond(status), 0.0, "GET /clients"
        )

    found = admission.credentials
    assert (found.proven("good", 1.0), found.refused("bad", 1.0)) == standing
