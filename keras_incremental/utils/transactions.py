"""Changes that are finished or undone, whatever interrupts them."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol
from typing import Self


class Snapshot(Protocol):
    """State of an object, to be restored exactly."""

    def restore(self) -> None:
        """Restores the object as it was."""


class Transaction:
    """Block that either finishes or leaves an object as it was.

    Any exception, Ctrl-C among them, and `undo` restore everything.

    Args:
        snapshot: `Snapshot` of the object, taken before the block.

    Attributes:
        snapshot: See above.
    """

    def __init__(self, snapshot: Snapshot):
        self.snapshot = snapshot

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.undo()

    def undo(self) -> None:
        """Restores everything as it was before the block."""
        with uninterrupted():
            self.snapshot.restore()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Lets Ctrl-C wait until the block has ended.

    Python runs handlers of signals in the main thread only; elsewhere, and
    where another program handles them, nothing is to be done.
    """
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    if handler is None:
        yield
        return
    waiting: list[tuple] = []
    signal.signal(signal.SIGINT, lambda *received: waiting.append(received))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if waiting and callable(handler):
        handler(*waiting[0])
