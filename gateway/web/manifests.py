"""Trusted documents in the files of client builds: Apollo's manifest or Relay's map."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

_APOLLO = "apollo-persisted-query-manifest"


class _Operation(msgspec.Struct):
    id: str
    body: str


class _Apollo(msgspec.Struct):
    """The file format of `generate-persisted-query-manifest`."""

    format: str
    version: int
    operations: list[_Operation]


def load_manifest(file: Path) -> dict[str, str]:
    """Return the document texts by id. Raises `ValueError`, in one line, for any other format.

    Relay's map is the file named by `persistConfig.file` of relay-compiler: texts by their hash.
    """
    try:
        text = file.read_bytes()
        if _APOLLO.encode() in text:
            manifest = msgspec.json.decode(text, type=_Apollo)
            if (manifest.format, manifest.version) != (_APOLLO, 1):
                raise ValueError(f"{file} is not version 1 of {_APOLLO}")
            return {operation.id: operation.body for operation in manifest.operations}
        return msgspec.json.decode(text, type=dict[str, str])
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ValueError(
            f"{file} is neither Apollo's manifest nor Relay's map of documents: {error}"
        ) from None


class DocumentReload:
    """Replaces the trusted documents by those that `load` returns, one reload at a time."""

    def __init__(
        self,
        load: Callable[[], Mapping[str, str]],
        trust: Callable[[Mapping[str, str]], None],
    ) -> None:
        self._load = load
        self._trust = trust
        self._lock = asyncio.Lock()

    async def __call__(self) -> int:
        """Load the documents in a thread and trust them all at once; return how many there are.

        Whatever `load` raises is raised, and the documents are unchanged.
        """
        async with self._lock:
            documents = await asyncio.to_thread(self._load)
            self._trust(documents)
        return len(documents)
