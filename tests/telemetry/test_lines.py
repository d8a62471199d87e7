from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest

from recoup.telemetry import about
from recoup.telemetry.lines import Json, Text, clean


@pytest.fixture
def said():
    """A logger, and what it said so far."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.Logger("recoup.tests")  # noqa: LOG001  nobody else hears it
    logger.addHandler(handler)

    def lines(form):
        handler.setFormatter(form)
        return logger, stream

    return lines


class TestALineOfJson:
    def test_is_an_object_with_everything_it_belongs_to(self, said):
        logger, stream = said(Json())
        with about(request_id="abc"), about(effects=(7, 8)):
            logger.warning("done %d", 3)

        line = json.loads(stream.getvalue())
        assert line.pop("ts").endswith("Z")
        assert line == {
            "level": "WARNING", "logger": "recoup.tests", "message": "done 3",
            "request_id": "abc", "effects": [7, 8],
        }  # fmt: skip

    def test_belongs_to_nothing_afterwards(self, said):
        logger, stream = said(Json())
        with about(request_id="abc"):
            pass
        logger.warning("later")

        assert "request_id" not in json.loads(stream.getvalue())

    def test_holds_an_error_whole(self, said):
        logger, stream = said(Json())
        logger.error("it failed", exc_info=ValueError("two\nlines"))

        (line,) = stream.getvalue().splitlines()
        assert "two\nlines" in json.loads(line)["error"]


class TestAnyLine:
    @pytest.mark.parametrize("form", [Json(), Text()], ids=["json", "text"])
    def test_shows_no_secret_and_no_address(self, said, form):
        logger, stream = said(form)
        secrets = ["sk_live_12345678", "rk_7_" + "a" * 32, "whsec_1234", "Ada.L+x@example.co.uk"]
        logger.error("%s", " ".join(secrets), exc_info=ValueError(" ".join(secrets)))

        for secret in secrets:
            assert secret not in stream.getvalue()
        assert stream.getvalue().count("***@***") == 2

    def test_keeps_what_is_none(self):
        assert clean("GET /api/v1/customers/{id} took 3 ms @ noon") == (
            "GET /api/v1/customers/{id} took 3 ms @ noon"
        )


class TestAProcessThatLogsJson:
    PROGRAM = """
import logging, threading, warnings
from recoup.telemetry import lines
lines.configure("json")
logging.getLogger("recoup.a").info("ours")
logging.getLogger("uvicorn.error").info("the server's")
logging.getLogger("asyncio").error("somebody's")
logging.getLogger("sqlalchemy").info("not wanted")
warnings.warn("a warning")
t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()
1 / 0
"""

    def test_writes_nothing_else(self):
        said = subprocess.run(
            [sys.executable, "-c", self.PROGRAM], capture_output=True, text=True, check=False
        )

        lines = [json.loads(line) for line in said.stderr.splitlines()]
        assert [line["logger"] for line in lines] == [
            "recoup.a", "uvicorn.error", "asyncio", "py.warnings", "recoup", "recoup",
        ]  # fmt: skip
        assert all("ZeroDivisionError" in line["error"] for line in lines[-2:])
        assert said.returncode == 1
