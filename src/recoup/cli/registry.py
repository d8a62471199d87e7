"""
Every command: its name, where it is, and what it is for in a line.

To add one: a file in `commands/`, a line here, a test, a heading in docs/cli.md. A command's
module is imported when the command runs, so the help stays fast however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Name -> (module:attribute, what it is for), in the order of the help.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "demo": ("recoup.cli.demo:demo", "Run dunning end to end with pretended customers."),
    "ingest": ("recoup.cli.commands.ingest:ingest", "Take in events of the processor."),
    "recover": (
        "recoup.cli.commands.recover:recover",
        "Take in what happened and did not arrive.",
    ),
    "import": ("recoup.cli.commands.imports:import_", "Take over an account that exists."),
    "serve": ("recoup.cli.commands.serve:serve", "Answer over HTTP, until stopped."),
    "worker": ("recoup.cli.commands.worker:worker", "Do what is due, until stopped."),
    "tick": ("recoup.cli.commands.tick:tick", "Look once at everybody whose time has come."),
    "explain": ("recoup.cli.commands.explain:explain", "Tell why a customer is in this state."),
    "recompute": ("recoup.cli.commands.recompute:recompute", "Decide on customers again, now."),
    "customers": (
        "recoup.cli.commands.customers:customers",
        "Look at customers, make and change them.",
    ),
    "erase": ("recoup.cli.commands.customers:erase", "Forget who a customer is."),
    "methods": ("recoup.cli.commands.methods:methods", "Put ways to pay on file."),
    "subscriptions": (
        "recoup.cli.commands.subscriptions:subscriptions",
        "Look at subscriptions, start, change and end them.",
    ),
    "links": ("recoup.cli.commands.links:links", "Give a customer a link to pay by."),
    "invoices": ("recoup.cli.commands.invoices:invoices", "Bill once, and close without money."),
    "payments": ("recoup.cli.commands.payments:payments", "Charge once, and give back."),
    "coupons": ("recoup.cli.commands.coupons:coupons", "Lower prices, by coupon or code."),
    "entitlements": (
        "recoup.cli.commands.entitlements:entitlements",
        "Ask what a customer may use.",
    ),
    "access": (
        "recoup.cli.commands.access:access",
        "See how your systems follow what customers may use.",
    ),
    "commands": ("recoup.cli.commands.commands:commands", "Look at what was asked, and its end."),
    "cases": (
        "recoup.cli.commands.cases:cases",
        "Look at episodes of debt, hold and move them.",
    ),
    "pause-charging": (
        "recoup.cli.commands.dunning:pause_charging",
        "Stop every try by itself, of everybody.",
    ),
    "resume-charging": ("recoup.cli.commands.dunning:resume_charging", "Let charging go on."),
    "debts": ("recoup.cli.commands.debts:debts", "Look at bad debt, collect it, give it up."),
    "tasks": ("recoup.cli.commands.tasks:tasks", "See to what only a person can bring on."),
    "effects": ("recoup.cli.commands.effects:effects", "Look at work to be done, retry it."),
    "handlers": ("recoup.cli.commands.handlers:handlers", "See what is told of which events."),
    "endpoints": ("recoup.cli.commands.endpoints:endpoints", "Tell other systems of events."),
    "webhooks": ("recoup.cli.commands.webhooks:webhooks", "Look at what arrived, replay it."),
    "mail": ("recoup.cli.commands.mail:mail", "Look at the mails, and how they go out."),
    "policy": ("recoup.cli.commands.policy:policy", "Check a file of dunning policies."),
    "simulate": (
        "recoup.cli.commands.simulate:simulate_",
        "Compare policies on simulated payers.",
    ),
    "plans": ("recoup.cli.commands.plans:plans", "Check a file of plans, show what is sold."),
    "metrics": (
        "recoup.cli.commands.metrics:metrics",
        "Count what was recovered, and what waits.",
    ),
    "verify": ("recoup.cli.commands.verify:verify", "Check everything that must be true."),
    "drift": ("recoup.cli.commands.drift:drift", "Look for differences that stay, repair them."),
    "rollout": (
        "recoup.cli.commands.rollout:rollout",
        "Let a risky behaviour in, stage by stage.",
    ),
    "ledger": ("recoup.cli.commands.ledger:ledger", "Read the ledger, verify and anchor it."),
    "keys": ("recoup.cli.commands.keys:keys", "Give, roll and revoke keys of the API."),
    "doctor": ("recoup.cli.commands.doctor:doctor", "Look for what is wrong and say what helps."),
    "config": ("recoup.cli.commands.config:config", "Show every setting."),
    "db": ("recoup.cli.commands.db:db", "Manage the schema and the embedded server."),
    "fake": ("recoup.cli.commands.fake:fake", "Play with the fake processor."),
}
