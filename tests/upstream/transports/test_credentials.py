"""The API's last verdict on a credential, on times made up."""

from gateway.ratelimit.credentials import DAY, HOUR, MINUTE, MOST_REFUSED, CredentialHistory
from tests.upstream.transports.conftest import Known


def test_a_success_proves_a_credential_for_a_day() -> None:
    standing = CredentialHistory()
    standing.accepted("a", 0)

    assert [standing.proven("a", at) for at in (0, DAY - 1, DAY)] == [True, True, False]
    assert not standing.proven("b", 0)


def test_a_401_is_believed_for_a_minute_and_ends_the_proof() -> None:
    standing = CredentialHistory()
    standing.accepted("a", 0)
    standing.rejected("a", 10)

    assert [standing.refused("a", at) for at in (10, 69, 10 + MINUTE)] == [True, True, False]
    assert not standing.proven("a", 10)


def test_a_success_ends_the_refusal() -> None:
    standing = CredentialHistory()
    standing.rejected("a", 0)
    standing.accepted("a", 1)

    assert not standing.refused("a", 1)


def test_what_was_proven_before_a_restart_is_proven_after_it_for_what_is_left_of_the_day() -> None:
    kept = Known("a")
    kept.ages["b"] = DAY - 100
    standing = CredentialHistory(kept, now=1_000)

    assert (standing.proven("a", 1_000), standing.proven("b", 1_000)) == (True, True)
    assert (standing.proven("a", 1_101), standing.proven("b", 1_101)) == (True, False)


def test_a_proof_is_noted_once_an_hour_and_struck_out_when_it_ends() -> None:
    notes = []

    class Noting(Known):
        def remember(self, credential: str) -> None:
            super().remember(credential)
            notes.append(credential)

    standing = CredentialHistory(kept := Noting(), now=0)
    for at in (0.0, 1.0, HOUR - 1, HOUR, HOUR + 1):
        standing.accepted("a", at)
    known = dict(kept.ages)
    standing.rejected("a", HOUR + 2)

    assert (notes, known, kept.ages) == (["a", "a"], {"a": 0.0}, {})


def test_refusals_are_remembered_up_to_a_bound_the_latest_first() -> None:
    standing = CredentialHistory()
    for number in range(MOST_REFUSED + 1):
        standing.rejected(str(number), 0)

    assert not standing.refused("0", 1)
    assert standing.refused("1", 1)
    assert standing.refused(str(MOST_REFUSED), 1)
