"""Who sends which mail: one cause for each, in the docs as in the code, and nobody else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from recoup.core import occasions
from recoup.core.occasions import MATRIX, SIGNS
from recoup.core.occasions.base import Fixed
from recoup.core.occasions.obstacles import _RULES
from recoup.effects._told import _ABOUT
from recoup.mail.emails import EMAILS, NOTICES
from recoup.store.events.catalogue import EVENTS
from recoup.store.links import FRESH

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/recoup"

#: Causes that are no entry of the ledger.
OTHERS = {occasions.CAMPAIGN, occasions.CLOCK, occasions.PAGE}
#: Who writes the row of a mail: the ledger's post, the steps of campaigns, and a renewed link.
WRITERS = {
    "store/mails/post.py",
    "store/records/mails.py",
    "recompute/following.py",
}


#: How one is written.
WRITING = re.compile(r"INSERT INTO mails\b|\bmails\.queue\(|insert\(\s*tables\.mails\b")


def writers():
    """Modules that write rows of mails."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if WRITING.search(path.read_text()):
            yield path.relative_to(PACKAGE).as_posix()


def named_in(path):
    """Types of mail that a module names as text."""
    tree = ast.parse((PACKAGE / path).read_text())
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in EMAILS
    }


class TestTheMatrix:
    def test_has_every_type_and_no_other(self):
        assert set(occasions.types()) == set(EMAILS)

    def test_is_the_one_in_the_docs(self):
        page = (ROOT / "docs/emails.md").read_text()
        (shown,) = re.findall(r"(?ms)^\| type \| cause \| key \|.*?(?=\n\n)", page)

        assert shown.splitlines() == list(occasions.table())

    def test_names_causes_that_there_are(self):
        causes = {one.cause for one in MATRIX}

        assert causes - set(EVENTS) - set(SIGNS) == OTHERS
        assert set(SIGNS) <= causes
        assert not set(SIGNS) & set(EVENTS)

    def test_gives_every_cause_one_mail_at_most(self):
        """Of what one event may have sent, what never changes about it leaves one."""
        for cause in {one.cause for one in MATRIX} - OTHERS:
            for fixed in (Fixed(one_off=x, alone=x, start=x) for x in (True, False)):
                fits = [one for one in MATRIX if one.cause == cause and one.is_(fixed)]
                assert len({one.key for one in fits}) == len(fits) <= 1

    def test_keys_are_of_one_cause_each(self):
        """Where two causes have one key the second mail is not made: only gates do that."""
        keys = [(one.key, one.cause) for one in MATRIX if one.cause != occasions.CAMPAIGN]
        shared = {key for key, cause in keys if len({c for k, c in keys if k == key}) > 1}

        assert shared == {"gate:{id}"}

    def test_has_rules_and_facts_for_everything_but_notices_and_links(self):
        assert set(_RULES) == set(_ABOUT) == set(EMAILS) - NOTICES - {FRESH}


class TestNobodyElse:
    def test_writes_the_row_of_a_mail(self):
        assert set(writers()) == WRITERS

    @pytest.mark.parametrize("path", sorted(WRITERS))
    def test_names_a_type_of_its_own(self, path):
        assert named_in(path) == set()
