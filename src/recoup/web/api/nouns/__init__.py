"""Every endpoint there is, in the order of the documents."""

from collections.abc import Sequence
from typing import Final

from recoup.web.api.endpoint import Endpoint
from recoup.web.api.nouns import (
    customers,
    invoices,
    operations,
    payments,
    subscriptions,
    webhooks,
)

ENDPOINTS: Final[Sequence[Endpoint]] = (
    *customers.ENDPOINTS,
    *subscriptions.ENDPOINTS,
    *invoices.ENDPOINTS,
    *payments.ENDPOINTS,
    *operations.ENDPOINTS,
    *webhooks.ENDPOINTS,
)
