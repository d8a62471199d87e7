"""
An engine that hands campaigns over to another system, which says when a step is to go out.

    RECOUP_CAMPAIGN_ENGINE=engine:Handover HANDOVER_FILE=campaigns.jsonl recoup worker

What the other system is to know is written as an effect, in the transaction of the decision. A
worker appends it to a file, a line of JSON each, at least once; the campaign's id tells repeats.
Over there `other_system.py` reads the file and asks for the steps, over HTTP.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection

from recoup.campaigns import Campaign
from recoup.jobs import queue
from recoup.jobs.base import Claim, Desk, Done, Handler, NewEffect

KIND = "handover"


class Handover:
    """Tells another system of campaigns that begin and are over."""

    def start_campaign(self, connection: Connection, campaign: Campaign, /) -> None:
        if campaign.steps:
            queue.enqueue(connection, [_message("start", campaign)], now=campaign.at)

    def cancel_campaign(self, connection: Connection, campaign: Campaign, /) -> None:
        start = _message("start", campaign)
        untold = queue.cancel(
            connection, reason="the campaign is over", now=campaign.at, keys=[start.key]
        )
        if not untold:
            queue.enqueue(connection, [_message("cancel", campaign)], now=campaign.at)

    def handlers(self) -> Mapping[str, Handler]:
        return {KIND: Handler(_tell, batch=100)}


def _message(verb: str, campaign: Campaign) -> NewEffect:
    steps = ",".join(f"{step.key}={step.due_at.isoformat()}" for step in campaign.steps)
    return NewEffect(
        KIND,
        f"handover:{verb}:{campaign.id}",
        campaign.at,
        customer_id=campaign.customer_id,
        args={
            "verb": verb,
            "case": campaign.case_id,
            "anchor": campaign.anchor.isoformat(),
            "steps": steps if verb == "start" else "",
        },
    )


def _tell(claims: Sequence[Claim], desk: Desk) -> None:
    """Append the lines, in the order in which they were decided, and then say that it is done."""
    lines = [json.dumps(dict(c.args)) + "\n" for c in sorted(claims, key=lambda c: c.id)]
    with Path(os.environ["HANDOVER_FILE"]).open("a", encoding="utf-8") as file:
        file.writelines(lines)
    with desk.engine.begin() as connection:
        desk.settle(connection, dict.fromkeys(claims, Done()))
