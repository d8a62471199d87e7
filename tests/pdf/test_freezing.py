import json
from dataclasses import replace
from hashlib import sha256

import pytest
from logos import PNG
from papers import INVOICE, NIGHT

from recoup.core.documents import Stamp, Tax
from recoup.errors import Unreadable
from recoup.pdf.freezing import frozen, thawed

#: By what the invoice was frozen before there were logos.
BEFORE_LOGOS = "a61e01da2a05f755514aea77e5366dd5123d72fba61ccd44ef350b544cef26a4"


def nothing(name):
    raise AssertionError(f"nothing is to be looked for, and not {name}")


class TestAFrozenDocument:
    @pytest.mark.parametrize(
        "document",
        [
            INVOICE,
            replace(INVOICE, stamp=Stamp("forgiven", NIGHT), note="ü \x00 😀", due_at=None),
            replace(INVOICE, taxes=(Tax(1, None, None, inclusive=True),), lines=()),
        ],
    )
    def test_is_the_same_when_it_is_thawed(self, document):
        assert thawed(frozen(document), nothing) == document

    def test_is_the_same_bytes_each_time(self):
        assert frozen(INVOICE) == frozen(thawed(frozen(INVOICE), nothing))

    def test_is_what_it_was_before_there_were_logos(self):
        assert sha256(frozen(INVOICE)).hexdigest() == BEFORE_LOGOS
        assert b"logo" not in frozen(INVOICE)

    def test_names_its_logo_which_is_kept_beside_it(self):
        document, digest = replace(INVOICE, logo=PNG), sha256(PNG).hexdigest()

        assert json.loads(frozen(document))["logo"] == digest
        assert json.loads(frozen(document))["document"] == json.loads(frozen(INVOICE))["document"]
        assert thawed(frozen(document), {digest: PNG}.__getitem__) == document

    def test_with_a_logo_is_not_known_to_who_would_set_it_without(self):
        assert json.loads(frozen(INVOICE))["version"] == 1
        assert json.loads(frozen(replace(INVOICE, logo=PNG)))["version"] == 2

    @pytest.mark.parametrize(
        "content",
        [b"", b"{}", b"null", frozen(INVOICE)[:-2], frozen(INVOICE).replace(b"EUR", b"\xff")],
    )
    def test_that_is_none_says_so(self, content):
        with pytest.raises(Unreadable):
            thawed(content, nothing)

    def test_of_another_form_says_so(self):
        later = json.loads(frozen(INVOICE)) | {"version": 3}

        with pytest.raises(Unreadable, match="form 3"):
            thawed(json.dumps(later).encode(), nothing)
