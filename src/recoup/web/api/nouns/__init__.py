"""Every endpoint there is, in the order of the documents."""

from collections.abc import Sequence
from typing import Final

from recoup.web.api.endpoint import Endpoint
from recoup.web.api.nouns import (
    customers,
    debts,
    drift,
    dunning,
    invoices,
    metrics,
    operations,
    payments,
    rollouts,
    steps,
    subscriptions,
    webhooks,
)

ENDPOINTS: Final[Sequence[Endpoint]] = (
    *customers.ENDPOINTS,
    *subscriptions.ENDPOINTS,
    *invoices.ENDPOINTS,
    *payments.ENDPOINTS,
    *debts.ENDPOINTS,
    *operations.ENDPOINTS,
    *dunning.ENDPOINTS,
    *steps.ENDPOINTS,
    *drift.ENDPOINTS,
    *rollouts.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *metrics.ENDPOINTS,
)
