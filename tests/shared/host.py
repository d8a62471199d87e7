"""A host's own system that follows customers' access, by function and over HTTP."""

from __future__ import annotations

import json

import msgspec
from receiver import Answer

from recoup.access.base import AccessState
from recoup.access.webhook import READ

SECRET = "access-secret-of-the-tests"


class Host:
    """Follows the newest version of each customer; `calls` is everything it was told."""

    def __init__(self):
        self.calls = []
        self.held = {}
        self.followed = []  #: what it was told and had not followed yet
        self.before = lambda state: None  #: done when it is told, before it follows
        self.after = lambda state: None  #: done when it has followed

    def apply(self, state):
        self.calls.append(state)
        self.before(state)
        held = self.held.get(state.customer)
        if held is None or state.version > held.version:
            self.held[state.customer] = state
            self.followed.append(state)
        self.after(state)

    def read(self, customer):
        return self.held.get(customer)

    @property
    def told(self):
        """What it was told, in order: standing, and consequences in force."""
        return [
            (call.standing, sorted(one.consequence for one in call.restrictions))
            for call in self.calls
        ]


class HttpHost(Host):
    """The same behind a receiver: answers with the version it holds, and tells what it holds."""

    def answer(self, heard):
        told = json.loads(heard.body)
        if told["type"] == READ:
            found = self.read(told["customer"])
            body = {"version": 0} if found is None else msgspec.to_builtins(found)
            return Answer(body=msgspec.json.encode(body))
        state = msgspec.convert(told, AccessState)
        self.apply(state)
        return Answer(body=json.dumps({"version": self.held[state.customer].version}).encode())
