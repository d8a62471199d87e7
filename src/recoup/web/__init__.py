"""
Recoup over HTTP: where webhooks come in, and how it is.

`app(recoup)` is an ASGI application: served by `recoup serve`, or mounted in one of the host's.
"""

from recoup.web.asgi import app

__all__ = ["app"]
