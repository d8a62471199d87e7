"""Whether what a verb says in the end is true: done once, or refused and nothing done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from stripe_dying import VERBS, Somebody
from stripe_house import House
from stripe_range import populated, portrait

from recoup.core.billing.views import Pay, Payment
from recoup.errors import RecoupError, Rejected, Unreadable


def pass_by(house: House, span: timedelta) -> None:
    """Let time pass, and stop once an hour at most."""
    house.pace.until(house.now + span, at_least=timedelta(hours=1))


class Judge:
    """
    Compares what became of somebody with somebody to whom the same was done without trouble.

    Args:
        needed: How many people are needed for each verb.
    """

    def __init__(self, house: House, needed: Mapping[str, int]) -> None:
        self.house = house
        due = needed.get("collect", 0) + 1
        people = sum(needed.values()) + len(needed) + 1
        self._people, self._debtors = populated(house, people, due)
        self._unhurt: dict[str, Somebody] = {}
        self._idle = {False: self._people.pop(), True: self._debtors[-1]}
        for verb in needed:
            self._unhurt[verb] = self.somebody(verb)
            said = self.called(verb, self._unhurt[verb])
            assert not isinstance(said, RecoupError), (verb, said)

    def somebody(self, verb: str) -> Somebody:
        """Return somebody to whom nothing has been done yet."""
        return (self._debtors if verb == "collect" else self._people).pop()

    def called(self, verb: str, who: Somebody) -> object:
        """Return what calling the verb came to: its result, or what it raised."""
        # Something is heard in between: five silences in a row are another matter.
        self.house.recoup.processor.look_up("customer", who.customer)
        try:
            return VERBS[verb](self.house.recoup, who)
        except RecoupError as problem:
            return problem

    def again(self, verb: str, who: Somebody) -> str:
        """Call the verb again with its key; return whether it was "done" or "refused" in truth.

        A debt that was not collected is "owed". With "nobody knows" a person is asked.
        """
        said = self.called(verb, who)
        now = portrait(self.house.fake, who.customer)
        if isinstance(said, Rejected):
            assert now == portrait(self.house.fake, self._idle[False].customer), (verb, who, said)
            return "refused"
        if isinstance(said, Payment) and said.outcome is Pay.CANCELED:
            assert ("void", 1000, 0, "manual") in now[1], (verb, who, said)
            assert [one for one in now[1] if one[0] != "void"] == portrait(
                self.house.fake, self._idle[False].customer
            )[1]
            return "refused"
        if isinstance(said, Unreadable):
            return "nobody knows"
        assert not isinstance(said, RecoupError), (verb, who, said)
        if verb == "collect" and ("open", 1000, 0, "subscription_cycle") in now[1]:
            return "owed"
        whole = portrait(self.house.fake, self._unhurt[verb].customer)
        assert now == whole, f"{verb} of customer {who.id}: {now} instead of {whole}"
        return "done"
