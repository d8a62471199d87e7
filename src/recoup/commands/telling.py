"""Mails that follow from what a command concluded: their rows, and the effects that send them."""

from __future__ import annotations

from recoup.jobs import queue
from recoup.jobs.base import NewEffect
from recoup.store.records import mails
from recoup.store.writer import Writer


def queue_refund_mail(writer: Writer, late_payment_id: int, customer_id: int) -> None:
    """
    Have the customer told that late money went back, once however often this is asked.

    The customer is locked. Whether it is still true is looked at when the mail is sent.
    """
    key = f"late:{late_payment_id}:refund"
    if mails.is_known(writer.connection, key):
        return
    args = {"late_id": late_payment_id}
    mail = mails.queue(writer, "refund_issued", key=key, customer_id=customer_id, args=args)
    writer.flush()
    effect = NewEffect(
        "send_mail",
        f"mail:{key}",
        writer.now,
        queue=mails.QUEUE,
        customer_id=customer_id,
        args={"mail_id": mail},
    )
    queue.enqueue(writer.connection, [effect], now=writer.now)
