"""Single steps of a campaign, in a shell."""

from __future__ import annotations


class TestAStep:
    def test_is_left_out_after_it_was_rehearsed(self, shop):
        words = ("cases", "skip-step", "1", "action_required", "--reason", "we spoke")

        told = shop.json(*words, "--dry-run")
        assert shop.json("cases", "skip-step", "1", "action_required", "--reason", "we spoke")

        assert (told["verb"], told["dry_run"]) == ("dunning.skip_step", True)
        assert "leave out step action_required of case 1" in told["changes"]

    def test_that_alone_announces_what_comes_exits_with_one_and_says_what_helps(self, shop):
        result = shop("cases", "skip-step", "1", "final_notice", "--reason", "we spoke")

        assert result.exit_code == 1
        assert "extend the grace instead" in " ".join(result.output.split())

    def test_needs_a_reason(self, shop):
        result = shop("cases", "skip-step", "1", "action_required")

        assert result.exit_code == 2
        assert "--reason" in result.output

    def test_is_sent_again_only_when_it_was_sent(self, shop):
        early = shop("cases", "resend-step", "1", "reminder", "--reason", "lost")
        assert (early.exit_code, "has not been sent" in early.output) == (1, True)
        assert shop("tick").exit_code == 0

        told = shop.json("cases", "send-step", "1", "action_required")

        assert (told["state"], told["reason"]) == ("waiting", "it is not due yet")

    def test_of_no_case_exits_with_two(self, shop):
        result = shop("cases", "send-step", "99", "reminder")

        assert result.exit_code == 2
        assert "there is no case 99" in result.output
