"""
A function of the host's, in this process, that follows.

It is called in a thread of its own and waited for. What has not returned in time is left alone
and counts as not followed: it may still go on, and end after a newer call. The version says so,
and the function must not follow an older one.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable as Function
from datetime import timedelta
from typing import Any, Final

from recoup.access.base import AccessState, CannotTell, NotApplied
from recoup.errors import InvalidValue

#: How long a call is waited for.
PATIENCE: Final = timedelta(seconds=30)
#: So many calls may hang, and no further one is made until one of them has returned.
MOST: Final = 8

Apply = Function[[AccessState], Any]
Read = Function[[int], AccessState | None]


class Callable:
    """
    Calls functions of the host's.

    Args:
        apply: Follows; whatever it returns. It must be safe to call from another thread.
        read: Tells what the host holds; without it nobody can.
        patience: How long a call is waited for.

    Raises:
        InvalidValue: a coroutine function; nobody would run it.
    """

    def __init__(
        self, apply: Apply, read: Read | None = None, *, patience: timedelta = PATIENCE
    ) -> None:
        for function in (apply, read):
            if inspect.iscoroutinefunction(function):
                raise InvalidValue("access: expected a plain function, got a coroutine function")
        self._apply = apply
        self._read = read
        self._patience = patience
        self._free = threading.BoundedSemaphore(MOST)

    def apply(self, state: AccessState) -> None:
        self._called(lambda: self._apply(state))

    def read(self, customer: int) -> AccessState | None:
        read = self._read
        if read is None:
            raise CannotTell("recoup.access.use was given no function that reads")
        found = self._called(lambda: read(customer))
        if found is not None and not isinstance(found, AccessState):
            raise CannotTell(f"expected an AccessState or None, got {type(found).__name__}")
        return found

    def _called(self, call: Function[[], Any]) -> Any:
        if not self._free.acquire(blocking=False):
            raise NotApplied(f"{MOST} calls have not returned: the host's function hangs")
        made = _Call(call, self._free.release)
        # A daemon: one that never returns must not keep the process from ending.
        threading.Thread(target=made.run, name="recoup-access", daemon=True).start()
        if not made.over.wait(self._patience.total_seconds()):
            raise NotApplied(f"no answer within {self._patience.total_seconds():g} seconds")
        if made.error is not None:
            raise made.error
        return made.result


class _Call:
    def __init__(self, call: Function[[], Any], ended: Function[[], None]) -> None:
        self._call = call
        self._ended = ended
        self.over = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:  # noqa: BLE001  whoever waits for it raises it
            self.error = error
        finally:
            self._ended()
            self.over.set()
