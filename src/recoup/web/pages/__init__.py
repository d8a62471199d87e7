"""
The pages behind signed links: what is owed, paying it, another payment method.

No script, nothing from elsewhere, nothing kept; whatever is done is done by a form of our own.
"""

from recoup.web.pages.counter import Counter as Counter
