"""Why a customer is in the state they are in: one page of values, ready to be shown."""

from recoup.core.explain.page import Facts, explain
from recoup.core.explain.story import story
from recoup.core.explain.views import (
    AttemptView,
    CaseView,
    Explanation,
    HoldView,
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
    Who,
)

__all__ = [
    "AttemptView",
    "CaseView",
    "Explanation",
    "Facts",
    "HoldView",
    "Line",
    "MethodView",
    "NoticeView",
    "Notices",
    "Obligation",
    "PlannedTry",
    "Record",
    "RestrictionView",
    "TaskView",
    "Trouble",
    "Who",
    "explain",
    "story",
]
