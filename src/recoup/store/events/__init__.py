"""
What a host may be told of: the catalogue of events, and the outbox they wait in.

Events are made of ledger entries and of nothing else, in the transaction of the entry.
"""
