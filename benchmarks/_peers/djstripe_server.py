"""
Serves dj-stripe's webhook view: `python djstripe_server.py DATABASE_URL SECRET`.

Prints the port and the path, then serves until it is told to end. Only the standard library and
dj-stripe's own environment may be imported here.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import types
from urllib.parse import parse_qs, unquote, urlsplit


def ignore(trigger: object, **_: object) -> None:
    """Do nothing with an event: only what the view itself does is measured."""


def main(url: str, secret: str) -> None:
    """Set Django up, migrate, and serve."""
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    here = types.ModuleType("bench_callbacks")
    here.ignore = ignore  # type: ignore[attr-defined]
    sys.modules[here.__name__] = here
    settings.configure(
        SECRET_KEY="of-the-benchmark",
        ALLOWED_HOSTS=["*"],
        DEBUG=False,
        USE_TZ=True,
        ROOT_URLCONF="djstripe.urls",
        MIDDLEWARE=[],
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "djstripe"],
        DATABASES={"default": _database(url)},
        DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
        DJSTRIPE_WEBHOOK_EVENT_CALLBACK="bench_callbacks.ignore",
        STRIPE_TEST_SECRET_KEY="sk_test_" + "0" * 24,
        STRIPE_LIVE_MODE=False,
    )
    logging.disable(logging.CRITICAL)
    django.setup()
    path = _prepared(secret)

    import uvicorn  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    print(listener.getsockname()[1], path, flush=True)
    config = uvicorn.Config(
        get_wsgi_application(),  # type: ignore[arg-type]
        http="h11",
        interface="wsgi",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or "postgres"),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": asked.get("host") or parts.hostname or "",
        "PORT": asked.get("port") or str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "OPTIONS": {"options": "-c search_path=djstripe -c synchronous_commit=on"},
    }


def _prepared(secret: str) -> str:
    """Make the tables and the endpoint; return the path of its view."""
    from django.core.management import call_command  # noqa: PLC0415
    from django.urls import reverse  # noqa: PLC0415
    from djstripe.models import WebhookEndpoint  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    made = WebhookEndpoint.objects.create(
        id="we_benchmark",
        secret=secret,
        url="https://example.com",
        status="enabled",
        livemode=False,
        enabled_events=["*"],
        djstripe_tolerance=300,
        djstripe_validation_method="verify_signature",
    )
    return reverse("djstripe_webhook_by_uuid", kwargs={"uuid": made.djstripe_uuid})


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    main(sys.argv[1], sys.argv[2])
