"""
The other system: reads which campaigns there are, and asks for each step when its time has come.

    HANDOVER_FILE=campaigns.jsonl RECOUP_URL=http://localhost:8000 RECOUP_KEY=… \
        python other_system.py

It knows Recoup by the file and by HTTP, and remembers nothing: run it every minute, for to ask
twice is to ask once. It may be slow, or down: after a day of patience Recoup sends a step that
nobody asked for. And it may be wrong: what is paid, held or over is not sent, whoever asks.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError


class Asked(NamedTuple):
    case: int
    anchor: str
    step: str


def due(file: Path, now: datetime) -> list[Asked]:
    """Return the steps to ask for at `now`: the newest due one of each live campaign."""
    found = [
        (steps[-1], Asked(case, anchor, steps[-1][1]))
        for (case, anchor), plan in campaigns(file).items()
        if (steps := [(at, key) for at, key in plan if at <= now])
    ]
    return [asked for _, asked in sorted(found)]


def campaigns(file: Path) -> dict[tuple[int, str], list[tuple[datetime, str]]]:
    """Return the campaigns that are not over, each with its steps and when they are due."""
    live: dict[tuple[int, str], list[tuple[datetime, str]]] = {}
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for told in map(json.loads, lines):
        campaign = told["case"], told["anchor"]
        if told["verb"] == "cancel":
            live.pop(campaign, None)
            continue
        pairs = (one.split("=", 1) for one in told["steps"].split(","))
        live[campaign] = [(datetime.fromisoformat(at), key) for key, at in pairs]
    return live


def ask(url: str, key: str, asked: Asked) -> str:
    """Ask for a step; return how it stands, or why it was refused."""
    request = urllib.request.Request(  # noqa: S310  the address is the operator's own
        f"{url}/api/v1/cases/{asked.case}/send-step",
        data=json.dumps({"step": asked.step, "anchor": asked.anchor}).encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"{asked.case} {asked.anchor} {asked.step}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  as above
            found = json.load(answer)
    except HTTPError as refused:
        return f"refused: {json.load(refused)['error']['message']}"
    except OSError as problem:
        return f"not asked, Recoup can not be reached: {problem}"
    return str(found.get("state", "pending"))


def main(now: datetime) -> None:
    for asked in due(Path(os.environ["HANDOVER_FILE"]), now):
        told = ask(os.environ["RECOUP_URL"], os.environ["RECOUP_KEY"], asked)
        print(f"case {asked.case} {asked.step}: {told}")  # noqa: T201  it is a script


if __name__ == "__main__":
    main(datetime.fromisoformat(sys.argv[1]) if sys.argv[1:] else datetime.now(UTC))
