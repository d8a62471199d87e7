from __future__ import annotations

import pytest

from recoup.errors import InvalidValue


class TestActingAs:
    def test_has_the_ledger_say_who_asked(self, scene, ada):
        ann = scene.recoup.acting_as("cli:ann")

        ann.customers.update(ada, name="Ada L")

        assert scene.recoup.ledger.timeline(ada)[-1].actor == "cli:ann"

    def test_leaves_everybody_else_as_they_are(self, scene, ada):
        scene.recoup.acting_as("cli:ann")

        scene.recoup.customers.update(ada, name="Ada L")

        assert scene.recoup.ledger.timeline(ada)[-1].actor == "host"

    def test_reaches_every_noun(self, scene):
        ann = scene.recoup.acting_as("cli:ann")

        nouns = {name: noun for name, noun in vars(ann).items() if hasattr(noun, "office")}
        assert len(nouns) == 8
        assert {noun.office.actor for noun in nouns.values()} == {"cli:ann"}

    @pytest.mark.parametrize("name", ["", "a\nb", "a" * 101])
    def test_takes_a_name_of_one_line(self, scene, name):
        with pytest.raises(InvalidValue, match="actor"):
            scene.recoup.acting_as(name)
