"""
Where links are opened and used, over HTTP.

To look is a GET, and changes nothing however often a scanner does it. To do is a POST that only a
form of the page itself can make: it carries what only that page knew, and what a browser says of
where it comes from must not contradict. A token is in no log line.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recoup.billing import Recoup
from recoup.core.links import PATH, Seal
from recoup.errors import (
    Busy,
    InProgress,
    Interrupted,
    LinkRefused,
    NotFound,
    Unreachable,
    Unreadable,
)
from recoup.links import Done, Owed
from recoup.links.views import How
from recoup.processors.fake import Asks, Declines, FakeProcessor, Payer, Pays
from recoup.web.api.reading import received
from recoup.web.api.refusals import Refused
from recoup.web.api.threads import Threads
from recoup.web.pages import composing
from recoup.web.pages.composing import ELSEWHERE, PAY, SEND, TEST, UPDATE, Setting
from recoup.web.pages.showing import Page, Voice, html, policy, wishes

log: Final = logging.getLogger(__name__)

#: Threads for what links are used for.
THREADS: Final = 2
#: Bytes of a form.
LARGEST: Final = 8 * 2**10
_FORM: Final = "application/x-www-form-urlencoded"
_CARDS: Final[Mapping[str, Payer]] = {"pays": Pays(), "declines": Declines(), "asks": Asks()}
#: What nobody can do anything about just now; the same again is harmless.
_LATER: Final = (
    Unreachable,
    Busy,
    Unreadable,
    Interrupted,
    InProgress,
    OperationalError,
    PoolTimeout,
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request: which link, and what of a form."""

    token: str
    languages: tuple[str, ...]
    form: Mapping[str, str] | None  #: None: it is only looked at
    ours: bool  #: nothing says that the form is from elsewhere


class Counter:
    """
    The pages of one `Recoup`. Ends with `close`, which lets what is in hand end first.

    Args:
        cards: Whether the fake processor's cards for tests are offered; no other one has any.
    """

    def __init__(self, recoup: Recoup, *, cards: bool = True) -> None:
        self._recoup = recoup
        self._cards = cards
        self._threads = Threads(THREADS, "recoup links")

    def routes(self) -> list[Route]:
        """Return the routes; none where there is no key to read links with."""
        if self._recoup.links.pages is None:
            return []
        return [Route(f"{PATH}/{{token}}", self.__call__, methods=["GET", "POST"])]

    def close(self) -> None:
        """Answer what is in hand, and take no more. Not in the loop."""
        self._threads.close()

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        form = None
        try:
            if request.method == "POST":
                form = _fields(request, await received(request, largest=LARGEST))
            asked = _Asked(
                token=str(request.path_params["token"]),
                languages=wishes(request.headers.get("accept-language", "")),
                form=form,
                ours=_ours(request),
            )
            return await self._threads.run(lambda: self._answered(asked))
        except Refused as no:
            return _plain(no.refusal.status, no.refusal.headers)

    def _answered(self, asked: _Asked) -> Response:
        """Answer one request, in a thread."""
        try:
            owed = self._recoup.links.owed(asked.token)
        except LinkRefused:
            return self._gone(asked)
        except _LATER as error:
            log.warning("a link could not be opened: %s", type(error).__name__)
            return _plain(503, {"retry-after": "5"})
        voice = Voice.of(owed.locale, *asked.languages, time_zone=owed.time_zone)
        setting = self._setting(asked, voice)
        if asked.form is None:
            return _page(composing.shown(setting, owed), setting)
        return self._tried(asked, setting, owed)

    def _tried(self, asked: _Asked, setting: Setting, owed: Owed) -> Response:
        """Answer a form, if it is one of ours."""
        if not self._genuine(asked):
            return _again(setting, owed, "again", 403)
        try:
            return self._used(asked, setting, owed)
        except LinkRefused:
            return self._gone(asked)
        except _LATER as error:
            log.warning("a link could not be used: %s", type(error).__name__)
            return _again(setting, owed, "unavailable", 503)

    def _gone(self, asked: _Asked) -> Response:
        """
        Answer for a link that opens nothing: to everybody the same, whatever the reason.

        Not even the customer's language is spoken, which would say that there is a customer.
        """
        setting = self._setting(asked, Voice.of(*asked.languages))
        wants = asked.form is not None and asked.form.get("do") == SEND
        if wants and self._genuine(asked):
            self._recoup.links.renew(asked.token)
            return _page(composing.gone(setting, sent=True), setting)
        return _page(composing.gone(setting), setting, 404)

    def _used(self, asked: _Asked, setting: Setting, owed: Owed) -> Response:
        """Do what the form asks for, and show what came of it."""
        links, form = self._recoup.links, asked.form or {}
        does, _, about = form.get("do", "").partition(":")
        fake = self._recoup.processor
        if isinstance(fake, FakeProcessor):
            fake.advance(self._recoup.clock.now())  # nobody else moves its clock
        if does == ELSEWHERE and about.isascii() and about.isdecimal():
            return self._elsewhere(asked, setting, owed, int(about))
        if does == PAY:
            made = self._paid(asked, owed, form)
        elif does == UPDATE:
            made = self._updated(asked, form)
        else:
            return _page(composing.shown(setting, owed), setting, 400)
        log.info("a link of customer %s was used: %s", owed.opened.customer_id, made.how)
        return _page(composing.done(setting, links.owed(asked.token), made), setting)

    def _paid(self, asked: _Asked, owed: Owed, form: Mapping[str, str]) -> Done:
        if form.get("shown") != composing.spelled(owed.sums):
            return Done(How.CHANGED) if owed.sums else self._recoup.links.pay(asked.token)
        way = form.get("way", "")
        card = self._test_card(way)
        if card is not None:
            kept = self._recoup.links.bring(asked.token, card)
            if isinstance(kept, Done):
                return kept
            way = str(kept.id)
        if not (way.isascii() and way.isdecimal()):
            return Done(How.IMPOSSIBLE)
        try:
            return self._recoup.links.pay(asked.token, method=int(way), shown=owed.sums)
        except LinkRefused:
            raise
        except NotFound:
            return Done(How.IMPOSSIBLE)

    def _updated(self, asked: _Asked, form: Mapping[str, str]) -> Done:
        card = self._test_card(form.get("way", ""))
        if card is None:
            return Done(How.IMPOSSIBLE)
        return self._recoup.links.update(asked.token, card)

    def _elsewhere(self, asked: _Asked, setting: Setting, owed: Owed, invoice: int) -> Response:
        try:
            action = self._recoup.links.elsewhere(asked.token, invoice)
        except LinkRefused:
            raise
        except NotFound:
            action = None
        if action is None or action.url is None:
            page = composing.done(setting, owed, Done(How.IMPOSSIBLE))
            return _page(page, setting)
        return _page(composing.elsewhere(setting, action.url), setting)

    def _test_card(self, way: str) -> str | None:
        """Return a new card of the fake's, if a form names one; real cards are typed elsewhere."""
        kind, _, which = way.partition(":")
        fake = self._recoup.processor
        named = kind == TEST and which in _CARDS and self._cards
        if not named or not isinstance(fake, FakeProcessor):
            return None
        return fake.new_method(_CARDS[which])

    @property
    def _seal(self) -> Seal:
        pages = self._recoup.links.pages
        assert pages is not None  # noqa: S101  there would be no route
        return pages.seal

    def _setting(self, asked: _Asked, voice: Voice) -> Setting:
        now = self._recoup.clock.now()
        plays = self._cards and isinstance(self._recoup.processor, FakeProcessor)
        challenge = self._seal.challenge(asked.token, now=now)
        return Setting(voice, self._recoup.world.brand, challenge, plays)

    def _genuine(self, asked: _Asked) -> bool:
        """Whether a form is from the page of this very link, shown within the last hour."""
        given = (asked.form or {}).get("challenge", "")
        now = self._recoup.clock.now()
        return asked.ours and self._seal.answers(asked.token, given, now=now)


def _ours(request: Request) -> bool:
    """
    Whether nothing says that it was sent from another site.

    A page that tells no referrer has the origin "null": that says nothing. Where it says
    something, it must be us; where a browser says what site it is from, that must be ours.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin", "null")
    return origin == "null" or urlsplit(origin).netloc == request.headers.get("host")


def _fields(request: Request, body: bytes) -> Mapping[str, str]:
    """Return what a form says; nothing where it is no form."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != _FORM:
        return {}
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        return {}


def _page(page: Page, setting: Setting, status: int = 200) -> Response:
    headers = {
        "cache-control": "no-store, max-age=0",
        "content-language": setting.voice.tongue.tag,
        "content-security-policy": policy(),
        "x-robots-tag": "noindex, nofollow, noarchive",
        "vary": "accept-language",
    }
    text = html(page, setting.voice, setting.brand)
    return Response(text, status, headers, media_type="text/html; charset=utf-8")


def _again(setting: Setting, owed: Owed, note: str, status: int) -> Response:
    """Show the page as it was, and why nothing came of it."""
    return _page(composing.shown(setting, owed, notes=(setting.voice.say(note),)), setting, status)


def _plain(status: int, headers: Mapping[str, str]) -> Response:
    """Answer what is no page: a body that can not be read, or a database that does not answer."""
    words = "This is not possible just now. Please try again in a few minutes.\n"
    return Response(words, status, dict(headers), media_type="text/plain; charset=utf-8")
