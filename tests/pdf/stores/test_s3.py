import pytest
from bucket_server import KEY, NOW, REGION, SECRET, bucket

from recoup.errors import DocumentsUnreachable
from recoup.pdf.stores import S3
from recoup.testing.suites.documents import ContentsConformance


@pytest.fixture
def server():
    with bucket() as made:
        yield made


def store(server, **other):
    told = {"key": KEY, "secret": SECRET, "region": REGION, "now": lambda: NOW} | other
    return S3(server.url, **told)


class TestABucket(ContentsConformance):
    @pytest.fixture(autouse=True)
    def contents_of_a_server(self, server):
        self.contents = store(server)
        self.server = server

    def test_keeps_contents_below_its_prefix(self):
        name = self.contents.put(b"x")

        assert set(self.server.objects) == {f"/bills/papers/{name}"}

    def test_is_read_from_the_setting(self):
        made = S3.of(
            self.server.url.replace("://", f"://{KEY}:s3cr3t%2Fwith%2Bodd%3Dchars@")
            + f"?region={REGION}",
            now=lambda: NOW,
        )

        assert made.get(made.put(b"x")) == b"x"

    @pytest.mark.parametrize(
        ("other", "code"),
        [
            ({"secret": "wrong"}, "SignatureDoesNotMatch"),
            ({"key": "AKIAOTHER"}, "InvalidAccessKeyId"),
            ({"region": "us-east-1"}, "SignatureDoesNotMatch"),
            ({"now": lambda: NOW.replace(hour=13)}, "RequestTimeTooSkewed"),
        ],
    )
    def test_takes_nothing_that_is_not_proven(self, other, code):
        with pytest.raises(DocumentsUnreachable, match=f"403 {code}"):
            store(self.server, **other).put(b"x")

        assert self.server.objects == {}

    def test_never_shows_its_secret(self):
        self.contents.put(b"x")

        assert all(SECRET not in str(request) for request in self.server.requests)

    def test_that_gives_something_else_is_not_believed(self):
        name = self.contents.put(b"x")
        self.server.objects = dict.fromkeys(self.server.objects, b"y")

        with pytest.raises(DocumentsUnreachable, match="not what was put there"):
            self.contents.get(name)

    def test_is_followed_nowhere(self):
        elsewhere = {"location": "http://127.0.0.1:1/x"}
        self.server.answer = (307, elsewhere, b"")

        with pytest.raises(DocumentsUnreachable, match="307"):
            self.contents.put(b"x")

    @pytest.mark.parametrize("body", [b"", b"<Code>" + b"x" * 5000, b"\xff<Code>\xff</Code>"])
    def test_that_is_down_says_so(self, body):
        self.server.answer = (503, {}, body)

        with pytest.raises(DocumentsUnreachable, match="503"):
            self.contents.get("0" * 64)

    def test_that_is_not_there_says_so(self):
        gone = S3("http://127.0.0.1:1/b", key=KEY, secret=SECRET, region=REGION, now=lambda: NOW)

        with pytest.raises(DocumentsUnreachable, match="does not answer"):
            gone.put(b"x")
