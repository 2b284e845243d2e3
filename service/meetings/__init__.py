"""Meetings: the timetable of a forum, who came, what came of it."""
