"""The folder that outlives the gateway: made once, found again, and never guessed."""

import stat
from pathlib import Path

import pytest

from gateway.state.database import Unkept
from gateway.state.folder import in_memory, kept_in

pytestmark = pytest.mark.anyio


async def test_the_secret_is_the_same_after_a_restart_and_another_elsewhere(tmp_path: Path) -> None:
    states = [kept_in(tmp_path / name) for name in ("deep/here", "deep/here", "there")]
    for state in states:
        await state.database.aclose()

    first, again, elsewhere = (state.secret for state in states)
    assert first == again != elsewhere
    assert len(first) == 32
    assert [state.trusted for state in states] == [True] * 3


async def test_only_its_owner_can_read_the_secret(tmp_path: Path) -> None:
    await kept_in(tmp_path / "state").database.aclose()

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "state", *(tmp_path / "state").iterdir())
    }
    assert modes == {"state": 0o700, "secret": 0o600, "state.sqlite3": 0o600}


async def test_the_secret_shows_in_no_repr(tmp_path: Path) -> None:
    state = kept_in(tmp_path)

    assert repr(state.secret) not in repr(state)
    await state.database.aclose()


def test_a_damaged_secret_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")

    with pytest.raises(Unkept, match="does not hold 32 bytes"):
        kept_in(tmp_path)

    assert (tmp_path / "secret").read_bytes() == b"short"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Unkept, match="file/state: Not a directory"):
        kept_in(tmp_path / "file" / "state")


def test_a_home_nobody_knows_is_told() -> None:
    with pytest.raises(Unkept, match="home directory"):
        kept_in(Path("~nobody-of-this-name/state"))


async def test_in_memory_two_states_share_nothing() -> None:
    one, other = in_memory(trusted=True), in_memory(trusted=False)

    assert one.secret != other.secret
    assert (one.trusted, other.trusted) == (True, False)
