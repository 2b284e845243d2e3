"""Reports on agreements in force, due by the calendar, accepted or returned; visits; the case clinic."""
