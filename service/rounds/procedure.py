"""The rules of how a round runs: checking, reviewing, replies, notice, reports; read by the service alone."""

from __future__ import annotations

from types import MappingProxyType

from matching.messages import Message
from service.rounds.asking import LABELS
from service.rounds.rule import Group, Kind, Rule

CRITERIA = MappingProxyType(
    {
        "broad_need": Message("criterion-broad-need", "Broad need"),
        "public_benefit": Message("criterion-public-benefit", "Public benefit"),
        "innovation": Message("criterion-innovation", "Innovation"),
        "sound_plan": Message("criterion-sound-plan", "Sound plan"),
        "economy": Message("criterion-economy", "Economy"),
        "growth": Message("criterion-growth", "Growth"),
        "replicability": Message("criterion-replicability", "Replicability"),
    }
)
"""The criteria that have a name in every language; others are called what facilitators call them."""

REPORTS = MappingProxyType(
    {
        "monthly": Message("report-monthly", "Every month"),
        "quarterly": Message("report-quarterly", "Every quarter"),
        "final": Message("report-final", "At the end"),
    }
)


PROCEDURE = (
    Group(
        "review",
        Message("rules-review", "Checking and reviewing"),
        (
            Rule(
                key="process.questions",
                kind=Kind.QUESTIONS,
                options=LABELS,
                label=Message("rule-questions", "Questions to applicants"),
                help=Message(
                    "rule-questions-help",
                    "What a need's applicant answers beside its listing. Your own questions: one a line.",
                ),
            ),
            Rule(
                key="process.resubmission",
                phase="screening",
                kind=Kind.FLAG,
                label=Message("rule-resubmission", "Returned applications may be handed in again"),
                help=Message("rule-resubmission-help", "Mended, and before the deadline."),
                says=Message(
                    "rule-resubmission-says", "What is returned may be mended and handed in again in time."
                ),
            ),
            Rule(
                key="process.blind_review",
                phase="reviewing",
                kind=Kind.FLAG,
                label=Message("rule-blind", "Blind review"),
                help=Message(
                    "rule-blind-help",
                    "Reviewers see neither the name of an organization nor anything that tells it.",
                ),
                says=Message("rule-blind-says", "Reviewers do not see whose project it is."),
            ),
            Rule(
                key="process.criteria",
                phase="reviewing",
                kind=Kind.CRITERIA,
                label=Message("rule-criteria", "Criteria and their weights"),
                help=Message("rule-criteria-help", "In per cent; together they make 100."),
                says=Message("rule-criteria-says", "Reviewed by: {value}.", value=""),
            ),
            Rule(
                key="process.reviews",
                phase="reviewing",
                kind=Kind.COUNT,
                label=Message("rule-reviews", "Reviews of each application"),
                help=Message("rule-reviews-help", "So many reviewers judge it, each on their own."),
                says=Message("rule-reviews-says", "Reviewers of each application: {value}.", value=""),
            ),
            Rule(
                key="process.pass_marks",
                phase="reviewing",
                kind=Kind.MARKS,
                label=Message("rule-pass-marks", "Pass marks"),
                help=Message(
                    "rule-pass-marks-help",
                    "The least score, of 100, by how much money is asked for; the smallest sum first. A line "
                    "without a sum holds for all others.",
                ),
                says=Message("rule-pass-marks-says", "Pass mark: {value}.", value=""),
            ),
            Rule(
                key="process.tell_scores",
                phase="reviewing",
                kind=Kind.FLAG,
                label=Message("rule-tell-scores", "Tell applicants their scores"),
                help=Message(
                    "rule-tell-scores-help",
                    "Their scores by criterion and what the reviewers wrote, without the reviewers' names.",
                ),
                says=Message("rule-tell-scores-says", "Applicants are told their scores and the comments."),
            ),
        ),
    ),
    Group(
        "process",
        Message("rules-process", "Replies, notice and reports"),
        (
            Rule(
                key="process.reply_days",
                phase="choosing",
                kind=Kind.COUNT,
                label=Message("rule-reply-days", "Days to reply to a proposed pairing"),
                help=Message("rule-reply-days-help", "Then it lapses, and the next in line is asked."),
                says=Message(
                    "rule-reply-days-says", "Days to reply to a proposed pairing: {value}.", value=""
                ),
            ),
            Rule(
                key="process.most_pending",
                phase="choosing",
                kind=Kind.COUNT,
                label=Message("rule-most-pending", "Accepted pairings that may wait at once"),
                help=Message(
                    "rule-most-pending-help",
                    "So many pairings that an organization has accepted may wait for the other side.",
                ),
                says=Message(
                    "rule-most-pending-says",
                    "Accepted pairings of an organization that may wait for the other side: at most {value}.",
                    value="",
                ),
            ),
            Rule(
                key="process.offers_next",
                phase="choosing",
                kind=Kind.FLAG,
                label=Message("rule-offers-next", "Ask the next in line by itself"),
                help=Message(
                    "rule-offers-next-help",
                    "When a pairing is declined or lapses, the next best is asked without a facilitator.",
                ),
                says=Message("rule-offers-next-says", "After a refusal the next in line is asked at once."),
            ),
            Rule(
                key="process.notice_working_days",
                phase="notice",
                kind=Kind.COUNT,
                label=Message("rule-notice", "Public notice, in working days"),
                help=Message(
                    "rule-notice-help",
                    "The result is shown to everybody for so long before it is confirmed. Holidays of the "
                    "round's calendar do not count.",
                ),
                says=Message("rule-notice-says", "Working days of public notice: {value}.", value=""),
            ),
            Rule(
                key="process.reports",
                kind=Kind.MANY,
                options=REPORTS,
                label=Message("rule-reports", "Reports"),
                help=Message("rule-reports-help", "When those who carry out a project report about it."),
                says=Message("rule-reports-says", "Reports: {value}.", value=""),
            ),
        ),
    ),
)
