"""
What is told of our own work while it is done: spans, and log lines that name what they belong to.

Nothing here knows billing. Names and attributes are words of ours and counts, never an id of
anybody's and never what was said; only a log line names requests and effects, by numbers.
"""

from recoup.telemetry.about import about as about
from recoup.telemetry.spans import event as event
from recoup.telemetry.spans import span as span
