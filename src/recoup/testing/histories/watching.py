"""What is looked at all the time in a random history: nobody who owes nothing is troubled."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any, Final

from recoup.core import states
from recoup.mail.message import message_id
from recoup.processors.fake import books
from recoup.processors.fake.model import Charge, Dispute, Invoice
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

#: A payment that failed and is owed, or that a bank has taken back.
DUE: Final = """
    (i.status = 'open' AND i.amount_remaining > 0 AND i.first_failed_at IS NOT NULL
     OR i.status = 'paid' AND i.charged_back > 0 AND i.resolved_as IS NULL)"""
#: Who is restricted, or flagged, with what.
TROUBLED: Final = """
    SELECT customer_id, consequence AS how FROM restrictions WHERE lifted_at IS NULL
    UNION SELECT customer_id, standing FROM standings
    WHERE standing <> ALL(ARRAY['current', 'lifting'])"""
_FALSE: Final = f"""
    SELECT customer_id, how FROM ({TROUBLED}) t
    WHERE NOT EXISTS (SELECT FROM invoices i WHERE i.customer_id = t.customer_id AND {DUE})"""
_CASES: Final = f"""
    SELECT c.id, EXISTS (SELECT FROM invoices i WHERE i.case_id = c.id AND {DUE}) AS due,
           ARRAY(SELECT m.key FROM mails m JOIN notices n ON m.args ->> 'notice_id' = n.id::text
                 WHERE n.case_id = c.id AND m.customer_id = c.customer_id) AS keys
    FROM cases c"""


class Witness(Outbox):
    """An outbox that has somebody look at each mail in the instant in which it goes out."""

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[EmailMessage], None] = lambda _: None

    def send(self, message: EmailMessage) -> None:
        self.look(message)
        super().send(message)


class Watch:
    """
    Looks at who is restricted, flagged or mailed.

    Args:
        scene: Its mails are looked at if its outbox is a `Witness`.
        prompt: Whether we hear everything at once, so that the processor's books decide too.
    """

    def __init__(self, scene: Scene, *, prompt: bool) -> None:
        self._scene = scene
        self._prompt = prompt
        self._false: list[str] = []
        self.mails = 0
        if isinstance(scene.outbox, Witness):
            scene.outbox.look = self._mailed

    def check(self) -> None:
        """
        Look at everybody.

        Raises:
            AssertionError: somebody is troubled who owes nothing.
        """
        assert not self._false, f"mailed, and nothing is due: {self._false}"
        found = self._scene.rows(_FALSE)
        assert found == [], f"restricted or flagged, and nothing is due: {found}"
        if self._prompt:
            self._check_books()

    def _check_books(self) -> None:
        sql = f"""SELECT DISTINCT c.processor_id AS id FROM ({TROUBLED}) t
            JOIN customers c ON c.id = t.customer_id"""
        troubled = {str(row["id"]) for row in self._scene.rows(sql)}
        if troubled:
            innocent = sorted(troubled - self._debtors())
            assert not innocent, f"troubled, and the processor knows of no debt: {innocent}"

    def _debtors(self) -> set[str]:
        """Return who owes something by the processor's books."""
        with self._scene.fake._world.session() as s:
            taken = {one.charge for one in _all(s, Dispute) if one.open or one.lost}
            bills = {one.id: one for one in _all(s, Invoice)}
            back = {bills[one.invoice].customer for one in _all(s, Charge) if one.id in taken}
            return back | {one.customer for one in bills.values() if states.is_owed(one.status)}

    def _mailed(self, message: EmailMessage) -> None:
        """Keep a notice of a case in which nothing is due; who sends it does not hear of it."""
        root, _, domain = str(message["References"] or "").strip("<>").partition("@")
        if not root:
            return
        mine = str(message["Message-ID"])
        for case in self._scene.rows(_CASES):
            if message_id(f"case:{case['id']}", domain=domain) == f"<{root}@{domain}>":
                if mine not in {message_id(key, domain=domain) for key in case["keys"]}:
                    return  # it threads with the notices and is none
                self.mails += 1
                if not case["due"]:
                    self._false.append(f"case {case['id']}: {message['Subject']}")


def _all(s: Any, kind: type[Any]) -> list[Any]:
    return list(books.all_of(s.connection, kind))
