"""Words for what the log names by code. What has none is said by its code, so that any event can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matching.messages import Message
from service.states import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def _by_code(words: Iterable[Message]) -> dict[str, Message]:
    return {word.code: word for word in words}


NOUNS: Mapping[str, Message] = _by_code(
    (
        Message("agreement", "Agreement"),
        Message("agreementcomment", "Remark"),
        Message("appeal", "Appeal"),
        Message("application", "Application"),
        Message("attachment", "Attachment"),
        Message("attendance", "Attendance"),
        Message("availability", "Availability"),
        Message("choice", "Choice"),
        Message("conflict", "Conflict of interest"),
        Message("consent", "Permission"),
        Message("disbursement", "Disbursement"),
        Message("evidence", "Evidence"),
        Message("flag", "Flag"),
        Message("import", "Import"),
        Message("inquiry", "Question about a listing"),
        Message("invitation", "Invitation"),
        Message("ledger", "Money and gifts"),
        Message("listing", "Listing"),
        Message("matchrun", "Match run"),
        Message("meeting", "Meeting"),
        Message("meetingplan", "Meeting plan"),
        Message("membership", "Membership"),
        Message("milestone", "Milestone"),
        Message("objection", "Objection"),
        Message("organization", "Organization"),
        Message("outcome", "Outcome"),
        Message("override", "Override"),
        Message("pairing", "Pairing"),
        Message("question", "Question at verification"),
        Message("report", "Report"),
        Message("request", "Request"),
        Message("review", "Review"),
        Message("round", "Round"),
        Message("roundreviewer", "Reviewer of a round"),
        Message("signature", "Signature"),
        Message("signin", "Session"),
        Message("token", "API token"),
        Message("user", "Account"),
        Message("visit", "Site visit"),
        Message("dayoff", "Calendar of working days"),
        Message("breach", "Breach"),
        Message("delivery", "Delivery"),
        Message("expense", "Expense"),
        Message("livestage", "Steering of the forum"),
        Message("reviewer", "Reviewer of a round"),
        Message("roundpreset", "Preset"),
        Message("ownpreset", "Preset"),
        Message("showcase", "Showcase"),
        Message("remark", "Remark"),
        Message("webhook", "Webhook"),
    )
)
"""By the kind of a subject, in lower case and without underscores."""

STEPS: Mapping[str, Message] = _by_code(
    (
        Message("agreement.abandon", "given up"),
        Message("agreement.amend", "amended"),
        Message("agreement.bring", "brought in from elsewhere"),
        Message("agreement.complete", "completed"),
        Message("agreement.enter_force", "in force, signed by all"),
        Message("agreement.open_signing", "opened for signing"),
        Message("agreement.save", "new version saved"),
        Message("agreement.revise", "taken back to draft"),
        Message("accept", "accepted"),
        Message("add", "added"),
        Message("agree", "agreed"),
        Message("answer", "answered"),
        Message("apply", "being taken in"),
        Message("apply_again", "asked for once more"),
        Message("ask", "asked"),
        Message("assign", "assigned"),
        Message("bar", "barred"),
        Message("become_mutual", "chosen by both sides"),
        Message("cancel", "cancelled"),
        Message("change", "changed"),
        Message("change-email", "e-mail address changed"),
        Message("close", "closed"),
        Message("confirm", "confirmed"),
        Message("copy", "copied"),
        Message("create", "created"),
        Message("decline", "declined"),
        Message("delete", "deleted"),
        Message("discard", "discarded"),
        Message("dismiss", "dismissed"),
        Message("draft", "begun as a draft"),
        Message("drop", "dropped"),
        Message("edit", "changed"),
        Message("end", "ended"),
        Message("escalate", "escalated"),
        Message("expire", "expired"),
        Message("fail", "failed"),
        Message("find_infeasible", "found to be impossible"),
        Message("finish", "finished"),
        Message("fulfil", "fulfilled"),
        Message("hand-in", "handed in"),
        Message("hold", "held"),
        Message("lapse", "lapsed"),
        Message("lift", "bar lifted"),
        Message("link-openid", "linked to another sign-in"),
        Message("meet", "met"),
        Message("miss", "missed"),
        Message("offer_again", "offered once more"),
        Message("open", "opened"),
        Message("pause", "paused"),
        Message("publish", "published"),
        Message("raise", "raised"),
        Message("recuse", "recused"),
        Message("redeliver", "sent once more"),
        Message("register", "registered"),
        Message("reinstate", "reinstated"),
        Message("release", "released"),
        Message("remove", "removed"),
        Message("renew", "renewed"),
        Message("reopen", "reopened"),
        Message("restore", "restored"),
        Message("resume", "resumed"),
        Message("return", "returned"),
        Message("revoke", "ended"),
        Message("send", "sent"),
        Message("set-password", "password changed"),
        Message("set-role", "role changed"),
        Message("set-roles", "roles changed"),
        Message("shortlist", "shortlisted"),
        Message("sign-in", "signed in"),
        Message("sign-up", "signed up"),
        Message("start", "started"),
        Message("submit", "submitted"),
        Message("supersede", "superseded"),
        Message("suspend", "suspended"),
        Message("take-back", "taken back"),
        Message("unlist", "taken off the list"),
        Message("uphold", "upheld"),
        Message("upload", "uploaded"),
        Message("verify", "verified"),
        Message("waitlist", "put on the waiting list"),
        Message("withdraw", "withdrawn"),
        Message("arrive", "arrived"),
        Message("arrange", "arranged"),
        Message("assign_again", "assigned once more"),
        Message("begin", "begun"),
        Message("change_rules", "rules changed"),
        Message("check_in", "checked in"),
        Message("check_out", "checked out"),
        Message("confirm_no_conflict", "no conflict of interest confirmed"),
        Message("declare", "declared"),
        Message("forget", "left to the calendar again"),
        Message("give", "given"),
        Message("give_up", "given up"),
        Message("keep", "kept"),
        Message("line_up", "offered as the next in line"),
        Message("make", "made"),
        Message("plan", "times planned"),
        Message("rank", "ranked"),
        Message("request", "asked for"),
        Message("revoke_code", "code revoked"),
        Message("set", "set"),
        Message("settle", "settled"),
        Message("sign", "signed"),
        Message("solve", "worked out"),
        Message("unassign", "no longer assigned"),
        Message("unpin", "no longer fixed"),
        Message("place", "put on the timetable"),
        Message("allege", "alleged"),
        Message("appeal", "appealed against"),
        Message("approve", "approved"),
        Message("find", "found"),
        Message("overturn", "overturned"),
        Message("pay", "paid"),
        Message("record", "recorded"),
        Message("recover", "recovered"),
        Message("refuse", "refused"),
        Message("replan", "planned anew"),
        Message("report", "reported"),
        Message("terminate", "terminated"),
        Message("ledger.keep", "brought up to date"),
        Message("report.remind", "reminded"),
        Message("user.erase", "erased"),
        Message("visit.write", "written"),
        Message("agreement_comment.resolve", "taken care of"),
        Message("visit.attach", "file attached"),
        Message("disbursement.hold", "held back"),
        Message("organization.screen", "screened as a sponsor"),
        Message("round.choose", "two-way choice begun"),
        Message("round.deliver", "delivery begun"),
        Message("round.match", "matching begun"),
        Message("round.match_again", "back to matching"),
        Message("round.meet", "meetings begun"),
        Message("round.notice", "public notice begun"),
        Message("round.review", "reviewing begun"),
        Message("round.review_again", "back to reviewing"),
        Message("round.screen", "screening begun"),
        Message("round.sign", "signing begun"),
        Message("live_stage.choose", "choosing begun"),
        Message("live_stage.order", "order changed"),
        Message("live_stage.show", "turn shown"),
        Message("live_stage.wait", "waiting"),
        Message("review.remark", "said in the discussion"),
        Message("round.assign_reviews", "reviews assigned"),
        Message("round.close_choosing", "choosing closed"),
        Message("round.offer_more", "one more pair offered"),
        Message("round.shortlist", "shortlist decided"),
        Message("pairing.take_back", "decline taken back"),
    )
)
"""By the name of an event, or by its step alone."""

LABELS: Mapping[str, Message] = _by_code(
    (
        Message("by_code", "With its code"),
        Message("cause", "Cause"),
        Message("changed", "Changed"),
        Message("concerns", "Concerns"),
        Message("currency", "Currency"),
        Message("ended", "Taken out"),
        Message("line", "Line of the budget"),
        Message("on", "Day"),
        Message("quantity", "How much"),
        Message("reference", "Reference"),
        Message("to_recover", "Has to come back"),
        Message("tranche", "Tranche"),
        Message("decision", "Decision"),
        Message("fields", "What changed"),
        Message("filename", "File"),
        Message("instead", "Instead of it"),
        Message("lapsed", "Lapsed"),
        Message("on_behalf", "By the facilitator for the organization"),
        Message("on_stage", "On stage"),
        Message("instead_of", "Instead of it"),
        Message("automatic", "Begin phases by themselves"),
        Message("calendar", "Public holidays of"),
        Message("host", "Held by"),
        Message("notice", "A line for everybody"),
        Message("phases", "Phases"),
        Message("summary", "What it is about"),
        Message("time_zone", "Time zone of the forum"),
        Message("venue", "Where it takes place"),
        Message("order", "Order"),
        Message("spotlight", "Shown"),
        Message("left_out", "Rows left out"),
        Message("level", "Level"),
        Message("made", "Taken"),
        Message("named", "Name"),
        Message("of", "Copied from"),
        Message("role", "Role"),
        Message("roles", "Roles"),
        Message("scopes", "What it may do"),
        Message("seed", "Seed"),
        Message("sha256", "SHA-256 of the content"),
        Message("side", "Side"),
        Message("title", "Title"),
        Message("until", "Until"),
        Message("updated", "Changed"),
        Message("url", "Address"),
        Message("beneficiaries", "Beneficiaries"),
        Message("contact_email", "E-mail address for contacts"),
        Message("description", "Description"),
        Message("ends", "Until when"),
        Message("expires", "Open until"),
        Message("goals", "Goals"),
        Message("groups", "Target groups"),
        Message("identifiers", "Registration numbers"),
        Message("inspection_passed", "Annual inspection"),
        Message("inspection_year", "Year of inspection"),
        Message("kind", "Kind"),
        Message("language", "Language"),
        Message("languages", "Working languages"),
        Message("lines", "Resources"),
        Message("members", "Members"),
        Message("most_projects", "Projects at most"),
        Message("name", "Name"),
        Message("other_names", "Other names"),
        Message("places", "Places"),
        Message("rating", "Rating"),
        Message("registered", "Registered"),
        Message("starts", "First day"),
        Message("strings", "Conditions"),
        Message("text", "Description"),
        Message("themes", "Themes"),
        Message("website", "Website"),
        Message("added", "Added"),
        Message("although", "Submitted although a rule is not met"),
        Message("amounts", "Given"),
        Message("before_normalisation", "Score before normalisation"),
        Message("by", "By"),
        Message("changes", "Changes tried"),
        Message("declined", "Declined"),
        Message("dropped", "Taken away"),
        Message("fingerprint", "Fingerprint of what went in"),
        Message("follows", "What follows"),
        Message("gap", "Gap to the proven bound"),
        Message("left_with_nothing", "Left with nothing"),
        Message("mark", "Mark to be reached"),
        Message("most", "At most"),
        Message("need", "Need"),
        Message("number", "Places"),
        Message("offer", "Offer"),
        Message("pairings", "Pairings"),
        Message("place", "Place on the waiting list"),
        Message("plan", "Fingerprint of the proposal"),
        Message("preset", "Preset"),
        Message("questions", "Questions"),
        Message("raw", "Score as given"),
        Message("recused", "Recused"),
        Message("reply_by", "To be answered by"),
        Message("run", "Match run"),
        Message("score", "Score"),
        Message("scores", "Points"),
        Message("shortlisted", "Shortlisted"),
        Message("times", "Times"),
        Message("together", "Together with others that fit"),
        Message("unmet", "Rules not met"),
        Message("waiting", "On the waiting list"),
        Message("what_if", "Only a what-if"),
        Message("unit", "Unit"),
        Message("amount", "Amount"),
    )
)
"""By the key of a detail, or the name of a field that changed."""

CODES: Mapping[str, Message] = _by_code(
    (
        Message("accepted", "Accepted"),
        Message("administrator", "Administrator"),
        Message("choosing-closed", "the choosing was closed"),
        Message("need-carried", "the need is carried by others"),
        Message("offer-promised", "the offer is promised to others"),
        Message("time-over", "the time to answer was over"),
        Message("editor", "Editor"),
        Message("facilitator", "Facilitator"),
        Message("monitored", "Accepted, to be watched"),
        Message("need", "Need"),
        Message("observation", "Observation"),
        Message("offer", "Offer"),
        Message("owner", "Owner"),
        Message("red", "Red flag"),
        Message("refused", "Refused"),
        Message("reviewer", "Reviewer"),
        Message("viewer", "Viewer"),
        Message("decline-need", "The need is declined"),
        Message("decline-offer", "The offer is declined"),
        Message("drop", "The pairing is dropped"),
        Message("rework", "The result is worked on again"),
        Message("hand", "by hand"),
        Message("optimiser", "the optimiser"),
        Message("ban", "Excluded"),
        Message("lock", "Pinned"),
        Message("amount", "Amount set by hand"),
        Message("yellow", "Yellow flag"),
    )
)
"""By the value of a detail."""

ADDRESSES: Mapping[str, str] = {
    "import": "/listings/import/{uid}",
    "listing": "/listings/{uid}",
    "organization": "/organizations/{uid}",
    "request": "/listings/requests/{uid}",
    "round": "/rounds/{uid}",
    "user": "/accounts/users/{uid}",
}
"""Where what an entry names is shown, by its kind."""

SERVICE = Message("audit-service", "the service")
NOBODY = Message("audit-nobody", "somebody who is not signed in")


def noun(kind: str) -> Message:
    """What a kind of thing is called."""
    plain = kind.replace("_", "").replace("-", "")
    return NOUNS.get(plain) or Message(plain, "{word}", word=_plain(kind).capitalize())


def happening(name: str) -> Message:
    """What happened, in a few words: `listing.publish` is “Listing: published”."""
    kind, _, step = name.partition(".")
    done = STEPS.get(name) or STEPS.get(step) or Message(step, "{word}", word=_plain(step))
    return Message("audit-happening", "{noun}: {step}", noun=noun(kind), step=done)


def everything(kind: str) -> Message:
    """All that happens to a kind of thing."""
    return Message("audit-everything", "{noun}: everything", noun=noun(kind))


def label(key: str) -> Message:
    """What a detail is called."""
    return LABELS.get(key) or NOUNS.get(key) or Message(key, "{word}", word=_plain(key).capitalize())


def address(kind: str, uid: str) -> str:
    """Where something is shown; empty where it has no page of its own."""
    return ADDRESSES.get(kind, "").format(uid=uid)


def word(value: Any) -> Message | str:
    """A single value: a code by its word, yes or no, or as it is."""
    if isinstance(value, bool):
        return Message("yes", "yes") if value else Message("no", "no")
    return CODES.get(str(value)) or STATES.get(str(value)) or str(value)


def _plain(code: str) -> str:
    return code.replace("_", " ").replace("-", " ")
