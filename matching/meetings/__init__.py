"""The timetable of a forum: who meets whom in which slot, and at which table.

Each meeting takes place at most once, each organization is in one meeting at a time, each slot has as many
meetings as there are tables, nobody is asked to come when they cannot, and what was set by hand stays. The
total of the priorities is as large as can be, and how close it is to the proven bound is stated; then
people wait as little as possible between their meetings, and come early rather than late.

Meetings are first put in one by one along Kempe chains: two slots swap their meetings among the
organizations that hang together. Where all find a place, that is the optimum. Else the linear program gives
the bound and, its fractions put in along chains again, mostly the optimum too; where it does not, the
integer program decides. The order of the input never matters, and ties are broken by hashes of ids.
"""

from matching.meetings.chains import Unplaced
from matching.meetings.frame import Clash, Frame, Meeting, Place, slots_needed, verify
from matching.meetings.solving import Certificate, Timetable, timetable

__all__ = [
    "Certificate",
    "Clash",
    "Frame",
    "Meeting",
    "Place",
    "Timetable",
    "Unplaced",
    "slots_needed",
    "timetable",
    "verify",
]
