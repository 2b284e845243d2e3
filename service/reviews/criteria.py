"""What is judged, in words: the name of each criterion and what a reviewer looks at."""

from __future__ import annotations

import hashlib

from matching.messages import Message
from service.rounds.procedure import CRITERIA

HELP = {
    "broad_need": Message(
        "criterion-broad-need-help",
        "Do many people have this need, is it shown by facts, and is it not met elsewhere already?",
    ),
    "public_benefit": Message(
        "criterion-public-benefit-help",
        "Do people in need benefit directly, and the community beyond them? Does nobody profit privately?",
    ),
    "innovation": Message(
        "criterion-innovation-help",
        "Is there something new in the service, the method or the partners, and is it better for being new?",
    ),
    "sound_plan": Message(
        "criterion-sound-plan-help",
        "Do steps, dates, staff and risks fit together, so that the aim can be reached and measured?",
    ),
    "economy": Message(
        "criterion-economy-help",
        "Is every cost needed and reasonable for what it brings? Is something of their own put in?",
    ),
    "growth": Message(
        "criterion-growth-help",
        "Can the project go on and grow after the money is spent, and does the organization grow with it?",
    ),
    "replicability": Message(
        "criterion-replicability-help",
        "Could others elsewhere do the same with what is learnt here, at a bearable effort?",
    ),
    "overall": Message(
        "criterion-overall-help", "How convincing is the application, all things taken together?"
    ),
}


def label(code: str) -> Message:
    """What a criterion is called; one that facilitators have made is called as they call it."""
    if code == "overall":
        return Message("criterion-overall", "Overall impression")
    own = Message("criterion-own", "{criterion}", criterion=code)
    return CRITERIA.get(code, own)


def field_of(code: str) -> str:
    """The name of a criterion's field in forms."""
    known = code in HELP
    return f"score-{code if known else hashlib.sha256(code.encode()).hexdigest()[:12]}"
