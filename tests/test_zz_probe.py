from datetime import *
import pytest
from recoup.store import tables
from recoup.store.writer import Writer
def test_big(engine):
    for v in ({"seen_rank": 70000}, {"seen_rank": 2**40}):
        try:
            with engine.begin() as c:
                w=Writer(c, now=datetime.now(UTC), actor="a", cause="b")
                w.insert(tables.customers, {"processor":"fake","created_at":datetime.now(UTC), **v}); w.flush()
                from sqlalchemy import text
                print(c.execute(text("select seen_rank from customers")).all())
        except BaseException as e: print(type(e), type(e).__mro__, e)
    for n in (2**63, 2**200):
        try:
            with engine.begin() as c:
                w=Writer(c, now=datetime.now(UTC), actor="a", cause="b")
                i=w.insert(tables.customers, {"processor":"fake","created_at":datetime.now(UTC)})
                w.insert(tables.invoices, dict(customer_id=i, processor="fake", processor_id="x", status="open", currency="EUR", amount_due=n, amount_paid=0, amount_remaining=0, reason="r", collection_method="c", created_at=datetime.now(UTC), seen_at=datetime.now(UTC), seen_event="e")); w.flush()
                print("ok", c.execute(text("select amount_due from invoices")).all())
        except BaseException as e: print(type(e), e)
