import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from recoup.mail.language import locales
from recoup.mail.language.locales import SHIPPED, tongue, zone

NONSENSE = ["", " ", "x", "xx", "zh", "nl-BE", "1", "../de", "d\0e", "\ud800", "x" * 10_000, "C"]


class TestALanguage:
    @pytest.mark.parametrize(
        ("wish", "tag", "customs"),
        [
            ("en", "en", "en"),
            ("en-GB", "en", "en_GB"),
            ("de-AT", "de", "de_AT"),
            ("de_CH.UTF-8", "de", "de_CH"),
            ("DE-at", "de", "de_AT"),
            ("de-AT-x-old", "de", "de_AT"),
            ("pt", "pt-BR", "pt"),
            ("pt-PT", "pt-BR", "pt_PT"),
            ("pt_BR", "pt-BR", "pt_BR"),
            ("ar-EG", "ar", "ar_EG"),
            ("fr-XX", "fr", "fr"),
            ("ja-JP@calendar=japanese", "ja", "ja_JP"),
        ],
    )
    def test_is_the_nearest_that_mails_are_written_in(self, wish, tag, customs):
        found = tongue(wish)

        assert (found.tag, found.customs) == (tag, customs)

    @pytest.mark.parametrize("wish", NONSENSE)
    def test_is_english_where_no_wish_can_be_met(self, wish):
        assert tongue(wish).tag == "en"
        assert tongue(None, wish, "fr").tag == "fr"

    @pytest.mark.parametrize("tag", SHIPPED)
    def test_runs_as_it_is_written(self, tag):
        assert tongue(tag).tag == tag
        assert tongue(tag).from_right is (tag == "ar")


class TestATimeZone:
    def test_is_the_first_that_there_is(self):
        assert zone(None, "Mars/Olympus", "Asia/Tokyo", "Europe/Berlin").key == "Asia/Tokyo"

    @pytest.mark.parametrize(
        "name", [None, "", "Europe", "../../etc/passwd", "a\0b", "x" * 10_000, "\ud800"]
    )
    def test_is_that_of_nowhere_where_no_wish_can_be_met(self, name):
        assert zone(name).key == "Etc/UTC"


class TestWhatCanNotBeMet:
    @pytest.fixture
    def told(self):
        """Return a function that does something within a span, and returns what is told of it."""
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("test")

        def within(act) -> list[str]:
            with tracer.start_as_current_span("mail"):
                act()
            (span,) = exporter.get_finished_spans()
            return [event.name for event in span.events]

        return within

    def test_is_told_of_once_for_each_wish(self, told):
        assert told(lambda: (tongue("tlh", "xx", "de"), zone("Mars/Olympus"))) == [
            "recoup.mail.locale.unknown",
            "recoup.mail.locale.unknown",
            "recoup.mail.time_zone.unknown",
        ]

    def test_is_not_told_of_where_nothing_is_wished(self, told):
        assert told(lambda: (tongue(None, "", "de"), zone(None, "Asia/Tokyo"))) == []


def test_what_was_found_is_kept_for_so_many_wishes_and_no_more():
    assert locales._tongue.cache_parameters()["maxsize"] == 1024
    assert locales._zone.cache_parameters()["maxsize"] == 1024
