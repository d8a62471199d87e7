"""A server on a world of its own, and the official SDK as its client, which never repeats."""

from __future__ import annotations

import http.client
from urllib.parse import urlencode

import pytest
from stripe import StripeClient

from recoup.core.money import Money
from recoup.testing.stripe_server import StripeServer


@pytest.fixture
def server():
    with StripeServer() as server:
        yield server


@pytest.fixture
def client():
    """Make an SDK that asks a server; what is special about it by name."""

    def make(server, **options):
        key = options.pop("key", server.key)
        return StripeClient(
            key, base_addresses={"api": server.url}, max_network_retries=0, **options
        )

    return make


@pytest.fixture
def sdk(server, client):
    return client(server)


@pytest.fixture
def ask(server):
    """Send one request as it is, and return (status, headers, body)."""

    def send(method, path, params=None, *, key=None, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Authorization": f"Bearer {server.key}"} | named
        if key is not None:
            given["Idempotency-Key"] = key
        if params is not None:
            body = urlencode(params)
            given.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        read = answer.status, dict(answer.headers), answer.read()
        connection.close()
        return read

    return send


@pytest.fixture
def subscribed(server):
    """A customer with a card and a subscription; returns their ids and the card's."""

    def make(payer=None, *, collection="charge_automatically"):
        fake = server.fake
        price = fake.create_price(Money(4900, "EUR"))
        customer = fake.create_customer(email="ada@example.com")
        method = fake.attach_method(customer)
        subscription = fake.subscribe(customer, price, collection=collection)
        if payer is not None:
            fake.update_method(method, payer=payer)
        return customer, method, subscription

    return make
