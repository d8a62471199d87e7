import pytest

from recoup.core.money import Money


@pytest.fixture
def bill(api):
    ada = api.scene.subscriber()
    lines = [("Work", Money(1250, "EUR"))]
    customer = api.scene.customer_id(ada)
    return api.scene.recoup.invoices.create(customer, lines)


class TestAPdf:
    def test_is_a_file_to_be_saved(self, api, bill):
        answer = api.get(f"/invoices/{bill.id}/pdf")

        assert answer.status_code == 200
        assert answer.content.startswith(b"%PDF-1.7")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="invoice-{bill.number}.pdf"'
        )
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_is_the_same_each_time(self, api, bill):
        first, second = (api.get(f"/invoices/{bill.processor_id}/pdf") for _ in range(2))

        assert first.content == second.content
        assert first.headers["etag"] == second.headers["etag"]

    def test_is_had_in_other_languages(self, api, bill):
        german = api.get(f"/invoices/{bill.id}/pdf", locale="de")

        assert german.content != api.get(f"/invoices/{bill.id}/pdf", locale="en").content

    def test_needs_the_scope(self, api, bill):
        key = api.key_for("payments:read")

        assert api.get(f"/invoices/{bill.id}/pdf", key=key).status_code == 403

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ({"kind": "receipt"}, 409, "not_possible"),
            ({"kind": "credit_note"}, 409, "not_possible"),
            ({"kind": "poem"}, 400, "wrong_parameter"),
            ({"locale": "x"}, 400, "wrong_parameter"),
            ({"locale": "xx"}, 422, "invalid_value"),
        ],
    )
    def test_that_there_is_not_is_refused(self, api, bill, query, status, code):
        answer = api.get(f"/invoices/{bill.id}/pdf", **query)

        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)

    def test_of_nothing_is_not_found(self, api):
        assert api.get("/invoices/999/pdf").status_code == 404
