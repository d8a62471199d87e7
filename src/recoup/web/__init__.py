"""
Recoup over HTTP: where webhooks come in, and how it is.

`app(recoup)` is an ASGI application: served by `recoup serve`, or mounted in one of the host's.
`links_app(recoup)` is one with the pages of signed links alone.
"""

from recoup.web.asgi import app, links_app

__all__ = ["app", "links_app"]
