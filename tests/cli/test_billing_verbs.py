"""Whatever a host can call, a shell can: every verb has a command, and every option of it one."""

from __future__ import annotations

import inspect

import click
import pytest
from click.testing import CliRunner

from recoup.billing import Recoup
from recoup.cli import main
from recoup.config import Config

#: Verb -> the command that speaks it.
SPOKEN = {
    "customers.get_or_create": "customers create",
    "customers.create": "customers create",
    "customers.get": "customers show",
    "customers.find": "customers show",
    "customers.list": "customers list",
    "customers.update": "customers update",
    "customers.link": "customers link",
    "customers.put_data": "customers put-data",
    "customers.patch_data": "customers patch-data",
    "customers.update_tax_location": "customers tax-location",
    "customers.delete": "customers delete",
    "customers.erase": "customers erase",
    "methods.get": "methods show",
    "methods.list": "methods list",
    "methods.attach": "methods attach",
    "methods.detach": "methods detach",
    "methods.set_default": "methods default",
    "methods.set_backups": "methods backups",
    "methods.clear_backups": "methods clear-backups",
    "methods.setup": "methods setup",
    "subscriptions.get": "subscriptions show",
    "subscriptions.list": "subscriptions list",
    "subscriptions.start": "subscriptions start",
    "subscriptions.preview_change": "subscriptions preview",
    "subscriptions.change_plan": "subscriptions change",
    "subscriptions.set_quantity": "subscriptions quantity",
    "subscriptions.set_items": "subscriptions items",
    "subscriptions.cancel": "subscriptions cancel",
    "subscriptions.resume": "subscriptions resume",
    "subscriptions.pause": "subscriptions pause",
    "subscriptions.unpause": "subscriptions unpause",
    "subscriptions.extend_trial": "subscriptions extend-trial",
    "subscriptions.update": "subscriptions update",
    "subscriptions.apply_discount": "subscriptions discount apply",
    "subscriptions.remove_discount": "subscriptions discount remove",
    "subscriptions.schedule": "subscriptions schedule",
    "subscriptions.scheduled": "subscriptions scheduled",
    "subscriptions.call_off": "subscriptions call-off",
    "subscriptions.remove_gate": "subscriptions remove-gate",
    "subscriptions.withdraw_offer": "subscriptions withdraw-offer",
    "invoices.get": "invoices show",
    "invoices.list": "invoices list",
    "invoices.create": "invoices create",
    "invoices.finalize": "invoices finalize",
    "invoices.send": "invoices send",
    "invoices.void": "invoices void",
    "invoices.mark_uncollectible": "invoices uncollectible",
    "invoices.forgive": "invoices forgive",
    "invoices.mark_paid_out_of_band": "invoices paid-out-of-band",
    "invoices.pay": "invoices pay",
    "payments.get": "payments show",
    "payments.list": "payments list",
    "payments.charge": "payments charge",
    "payments.intent": "payments intent",
    "payments.refund": "payments refund",
    "payments.refunds": "payments refunds",
    "payments.disputes": "payments disputes",
    "payments.late": "payments late",
    "coupons.get": "coupons show",
    "coupons.list": "coupons list",
    "coupons.create": "coupons create",
    "coupons.delete": "coupons delete",
    "coupons.get_promotion_code": "coupons code show",
    "coupons.list_promotion_codes": "coupons code list",
    "coupons.create_promotion_code": "coupons code create",
    "coupons.set_active": "coupons code disable",
    "dunning.hold": "cases hold",
    "dunning.promise": "cases promise",
    "dunning.extend_grace": "cases grace",
    "dunning.exempt": "cases exempt",
    "dunning.release": "cases release",
    "dunning.holds": "cases holds",
    "dunning.recompute_now": "recompute",
    "dunning.retry": "cases retry",
    "dunning.change_policy": "cases set-policy",
    "dunning.change_policies": "cases set-policy",
    "dunning.refund": "cases refund",
    "dunning.replay": "webhooks replay",
    "dunning.charging_paused": "cases charging",
    "dunning.pause_charging": "pause-charging",
    "dunning.resume_charging": "resume-charging",
    "dunning.bad_debts": "debts list",
    "dunning.bad_debt": "debts show",
    "dunning.pay_bad_debt": "debts pay",
    "dunning.write_off": "debts write-off",
    "dunning.mark_uncollectible": "debts mark-uncollectible",
    "dunning.forgive": "debts forgive",
    "dunning.send_step": "cases send-step",
    "dunning.skip_step": "cases skip-step",
    "dunning.resend_step": "cases resend-step",
    "entitlements.entitled": "entitlements check",
    "entitlements.within": "entitlements within",
    "entitlements.features": "entitlements show",
    "entitlements.limit": "entitlements show",
    "ledger.timeline": "ledger timeline",
    "ledger.state_as_of": "ledger as-of",
}

#: Verb.option -> how the command says it; None: by being what it is.
OTHERWISE = {
    "customers.get_or_create.owner_type": "owner",
    "customers.get_or_create.owner_id": "owner",
    "customers.create.owner_type": "owner",
    "customers.create.owner_id": "owner",
    "customers.link.owner_type": "owner",
    "customers.link.owner_id": "owner",
    "customers.find.owner_type": "customer",
    "customers.find.owner_id": "customer",
    "subscriptions.start.quantity": "prices",
    "subscriptions.start.collection": "days_until_due",
    "subscriptions.schedule.quantity": "prices",
    "subscriptions.schedule.collection": "days_until_due",
    "subscriptions.preview_change.items": "add_items",
    "subscriptions.change_plan.items": "add_items",
    "subscriptions.set_items.items": "add_items",
    "subscriptions.cancel.when": "at_period_end",
    "invoices.create.finalize": "draft",
    "invoices.create.collection": "days_until_due",
    "coupons.set_active.active": None,  # there are two commands
    "dunning.recompute_now.customer": "references",
    "dunning.replay.events": "ids",
    "dunning.pay_bad_debt.invoices": "invoice",
    "entitlements.within.name": "limit",
    "entitlements.limit.name": None,  # every limit is shown
}

#: What of the library itself is no verb.
NO_VERBS = {"entitlements.cached", "entitlements.close"}


def command(words: str) -> click.Command:
    found: click.Command | None = main
    for word in words.split():
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), word)
        assert found is not None, f"there is no `recoup {words}`"
    return found


@pytest.fixture
def verbs(database_url, home) -> dict[str, inspect.Signature]:
    """Every public method of every noun that a Recoup has; a noun's verbs are checked ones."""
    found = {}
    home.mkdir(parents=True)
    with Recoup(Config.load(database_url=database_url, home=home)) as recoup:
        for noun, value in vars(recoup).items():
            kind = type(value)
            is_noun = hasattr(value, "office") and not noun.startswith("_")
            if not (is_noun or noun in {"entitlements", "ledger"}):
                continue
            for name, method in inspect.getmembers(kind, inspect.isfunction):
                checked = hasattr(method, "__wrapped__") or not is_noun
                if not name.startswith("_") and checked and f"{noun}.{name}" not in NO_VERBS:
                    found[f"{noun}.{name}"] = inspect.signature(method)
    return found


class TestAVerb:
    def test_of_any_noun_has_a_command(self, verbs):
        assert {*verbs} == {*SPOKEN}

    def test_has_a_command_with_all_its_options(self, verbs):
        missing = {}
        for verb, words in SPOKEN.items():
            said = {None, "self", *(parameter.name for parameter in command(words).params)}
            wanted = {OTHERWISE.get(f"{verb}.{name}", name) for name in verbs[verb].parameters}
            missing[verb] = wanted - said

        assert {verb: names for verb, names in missing.items() if names} == {}

    def test_that_takes_a_key_can_be_told_who_asks(self, verbs):
        for verb, signature in verbs.items():
            if "key" in signature.parameters:
                said = {option for p in command(SPOKEN[verb]).params for option in p.opts}

                assert {"--key", "--actor", "--json"} <= said, SPOKEN[verb]

    def test_that_returns_what_the_browser_needs_hides_its_secret(self, verbs):
        """Views with an action hold a client secret."""
        for verb, signature in verbs.items():
            if signature.return_annotation in {"Payment", "Started", "Setup", "Intent"}:
                said = {option for p in command(SPOKEN[verb]).params for option in p.opts}

                assert "--show-secret" in said, SPOKEN[verb]


class TestTheHelp:
    @pytest.mark.parametrize("words", sorted({*SPOKEN.values()}))
    def test_of_every_verb_tells_its_options(self, words):
        result = CliRunner().invoke(main, [*words.split(), "--help"])

        assert result.exit_code == 0
        assert "--json" in result.output
        assert f"Example: recoup {words}" in " ".join(result.output.split())

    @pytest.mark.parametrize("words", sorted({*SPOKEN.values()}))
    def test_of_every_verb_explains_every_option(self, words):
        unsaid = [
            p.name for p in command(words).params if isinstance(p, click.Option) and not p.help
        ]

        assert unsaid == []
