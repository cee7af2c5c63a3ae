"""What this gateway does when its own event comes in the journal, or if it does not come."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """A function that is called once; its result is kept."""

    def __init__(self, act: Callable[[], T]) -> None:
        self._act = act
        self._result: list[T] = []

    def run(self) -> None:
        """Call the function, unless it was called."""
        if not self._result:
            self._result.append(self._act())

    def result(self) -> T:
        """Return the result; call the function if it was not called."""
        self.run()
        return self._result[0]
