from __future__ import annotations

import click

from recoup.cli.opening import opened, refuse_a_demonstration, say, warn_of_address
from recoup.errors import ConfigError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any."
)
@click.option(
    "--log-format", type=click.Choice(["json", "text"]), help="The form of log lines [RECOUP_LOG]."
)
def serve(host: str, port: int, log_format: str | None) -> None:
    """
    Take webhooks in over HTTP, answer the API, and say how it is. A worker does what follows.

    Paths: POST /webhooks/stripe, POST /pay-bad-debt, /links/…, /api/v1/…, GET /healthz, /readyz,
    /metrics, /metrics/numbers. Any number of servers share a database. SIGTERM and Ctrl-C end it
    after the requests in hand.

    Example: recoup serve --port 8000
    """
    try:
        from recoup import web  # noqa: PLC0415  an extra
        from recoup.web import serving  # noqa: PLC0415
    except ImportError:
        raise ConfigError("the server is not installed: pip install 'recoup[web]'") from None
    with opened(log=log_format) as recoup:
        refuse_a_demonstration(recoup)
        if not recoup.config.secrets():
            say(recoup, "RECOUP_STRIPE_WEBHOOK_SECRETS is unset: every webhook is refused")
        warn_of_address(recoup)
        try:
            listener = serving.listening(host, port)
        except OSError as error:
            raise ConfigError(f"{host}:{port}: {error.strerror or error}") from None
        at, bound = listener.getsockname()[:2]
        say(recoup, f"listening on http://{f'[{at}]' if ':' in at else at}:{bound}")
        serving.serve(web.app(recoup), listener)
        say(recoup, "stopped")
