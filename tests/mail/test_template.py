from dataclasses import fields, replace
from string import Template

import pytest

from recoup.core.money import Money
from recoup.mail.base import MailFacts
from recoup.mail.emails import EMAILS
from recoup.mail.template import filled, source

#: Each means something to some template language.
PAYLOADS = [
    "{{7*7}}",
    "{{ config }}",
    "{% for x in y %}{% endfor %}",
    "{0.__class__}",
    "{name.__init__.__globals__}",
    "{}",
    "%s",
    "%(name)s",
    "%n",
    "$x",
    "$greeting",
    "${pay_url}",
    "$$",
    "$",
    "${",
    "<%= 7*7 %>",
    "#{7*7}",
    "@{7*7}",
    "[[7*7]]",
    "__import__('os')",
    "\\g<0>",
    "\\1",
    "&lt;",
    "<script>",
    "`id`",
]


class TestFilling:
    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_keeps_a_value_as_it_is(self, payload):
        assert filled("Hello $name.", {"name": payload}) == f"Hello {payload}.\n"

    def test_refuses_a_name_without_a_value(self):
        with pytest.raises(KeyError, match="nmae"):
            filled("Hello $nmae", {"name": "Ada"})

    def test_leaves_out_a_paragraph_that_says_nothing(self):
        assert filled("a\n\n$b $c\n\nd\n", {"b": "", "c": ""}) == "a\n\nd\n"

    def test_wraps_lines_but_no_link(self):
        link = f"https://example.com/{'a-b/' * 40}"

        lines = filled(f"{'word ' * 40}\n$link", {"link": link}).splitlines()

        assert link in lines
        assert all(len(line) <= 72 for line in lines if line != link)

    def test_indents_what_continues_a_list(self):
        lines = filled(f"- {'word ' * 30}", {}).splitlines()

        assert lines[0].startswith("- word")
        assert all(line.startswith("  word") for line in lines[1:])


@pytest.mark.parametrize("mail", EMAILS)
class TestTheTemplates:
    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_show_what_customers_wrote_and_evaluate_nothing(self, mail, payload):
        given = MailFacts(
            to="a@example.com",
            name=payload,
            base_url="https://x.example",
            business=payload,
            mail_from="b@example.com",
            owed=(Money(1, "EUR"),),
            plan=payload,
            invoices=(payload,),
            decline=payload,
        )

        email = EMAILS[mail].about(given)

        assert f"Hello {payload}," in email.text
        assert f"Invoice: {payload}" in email.text
        assert "49" not in email.text + email.subject

    def test_name_only_what_the_mail_has(self, mail):
        sample = EMAILS[mail].sample()
        known = {field.name for field in fields(sample)}

        used = {
            name
            for file in ("subject.txt", "text.txt")
            for name in Template(source(mail, file)).get_identifiers()
        }

        assert used == known

    def test_leave_nothing_unfilled_when_nothing_is_known(self, mail, facts):
        bare = replace(
            facts, name=None, owed=(), plan=None, invoices=(), decline=None, announced=()
        )

        email = EMAILS[mail].about(bare)

        assert "$" not in email.text + email.subject
        assert "None" not in email.text + email.subject
        assert "\n\n\n" not in email.text
