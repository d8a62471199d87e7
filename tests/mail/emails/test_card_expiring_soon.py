from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.mail.base import Card
from recoup.mail.emails.card_expiring_soon.email import CardExpiringSoon
from recoup.mail.template import render


@pytest.fixture
def expiring(facts):
    return replace(facts, card=Card("visa", "4242", (2026, 3)), days=7)


def words(email) -> str:
    return " ".join(render(email).text.split())


class TestCardExpiringSoon:
    def test_says_which_card_expires_and_what_it_pays_for(self, expiring):
        text = words(CardExpiringSoon.about(expiring))

        assert "The card that pays for your Team subscription expires in 7 days." in text
        assert "Card: Visa ending in 4242 Valid until: March 2026" in text

    @pytest.mark.parametrize(
        ("days", "locale", "subject"),
        [
            pytest.param(1, "en", "Your card expires in 1 day", id="en 1"),
            pytest.param(7, "en", "Your card expires in 7 days", id="en 7"),
            pytest.param(30, "en", "Your card expires in 30 days", id="en 30"),
            pytest.param(1, "de", "Ihre Karte läuft in 1 Tag ab", id="de 1"),
            pytest.param(7, "de", "Ihre Karte läuft in 7 Tagen ab", id="de 7"),
            pytest.param(1, "fr", "Votre carte expire dans 1 jour", id="fr 1"),
            pytest.param(30, "fr", "Votre carte expire dans 30 jours", id="fr 30"),
            pytest.param(1, "es", "Su tarjeta caduca en 1 día", id="es 1"),
            pytest.param(1, "pt-BR", "Seu cartão vence em 1 dia", id="pt 1"),
            pytest.param(1, "ja", "カードの有効期限まであと1日です", id="ja 1"),
            pytest.param(1, "ar", "تنتهي صلاحية بطاقتك خلال يوم واحد", id="ar 1"),
            pytest.param(7, "ar", "تنتهي صلاحية بطاقتك خلال 7 أيام", id="ar 7"),
            pytest.param(30, "ar", "تنتهي صلاحية بطاقتك خلال 30 يومًا", id="ar 30"),
        ],
    )
    def test_counts_the_days_as_the_language_does(self, expiring, days, locale, subject):
        email = CardExpiringSoon.about(replace(expiring, days=days))

        assert render(email, locale=locale).subject == subject

    def test_says_what_happens_then_and_what_to_do(self, expiring):
        text = words(CardExpiringSoon.about(expiring))

        assert "After that, payments with this card may be refused." in text
        assert "Update payment method: https://app.example.com/billing" in text
        assert "If you have done so already, there is nothing left to do." in text

    def test_says_when_the_next_payment_is_due_only_if_one_is(self, expiring, noon):
        due = replace(expiring, due_at=noon + timedelta(days=30))

        assert "next payment is due on April 1, 2026" in words(CardExpiringSoon.about(due))
        assert "next payment is due" not in words(CardExpiringSoon.about(expiring))

    def test_leaves_out_what_is_not_known(self, expiring):
        email = CardExpiringSoon.about(replace(expiring, card=None, days=None))

        assert render(email).subject == "Your card expires soon"
        assert "expires soon. Nothing changes until then." in words(email)
        assert "Valid until" not in words(email)
