"""
The mails that are due, and what is read again when one goes out.

A mail is made of an entry of the ledger, in the entry's transaction, or by the clock; which one,
and under which key, `recoup.core.occasions` says.
"""
