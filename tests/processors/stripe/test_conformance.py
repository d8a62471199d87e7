"""Stripe, asked by its SDK over HTTP, keeps what every processor promises."""

from __future__ import annotations

import pytest

from recoup.processors.stripe.calls.client import PINNED
from recoup.testing.conformance import ProcessorConformance


class TestStripeProcessor(ProcessorConformance):
    @pytest.fixture(params=["2025-03-31.basil", PINNED])
    def version(self, request):
        return request.param

    @pytest.fixture
    def merchant(self, stripe_town):
        return stripe_town
