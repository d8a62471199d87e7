"""Why a customer is in the state they are in: one page of values, ready to be shown."""

from recoup.core.explain.orders import Order
from recoup.core.explain.page import Facts, explain
from recoup.core.explain.story import story
from recoup.core.explain.views import (
    AttemptView,
    CaseView,
    Explanation,
    HoldView,
    LateView,
    Line,
    MethodView,
    Notices,
    NoticeView,
    Obligation,
    PlannedTry,
    Record,
    RestrictionView,
    TaskView,
    Trouble,
    WaitingView,
    Who,
)

__all__ = [
    "AttemptView",
    "CaseView",
    "Explanation",
    "Facts",
    "HoldView",
    "LateView",
    "Line",
    "MethodView",
    "NoticeView",
    "Notices",
    "Obligation",
    "Order",
    "PlannedTry",
    "Record",
    "RestrictionView",
    "TaskView",
    "Trouble",
    "WaitingView",
    "Who",
    "explain",
    "story",
]
