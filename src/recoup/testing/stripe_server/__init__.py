"""A strict server in Stripe's shape, for tests: the official SDK is its client."""

from recoup.testing.stripe_server.answering import Request
from recoup.testing.stripe_server.faults import Fault, Rates
from recoup.testing.stripe_server.sending import Endpoint, Sent
from recoup.testing.stripe_server.server import StripeServer

__all__ = ["Endpoint", "Fault", "Rates", "Request", "Sent", "StripeServer"]
