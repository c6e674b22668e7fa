"""Schedules against another library's calendar: nothing fires twice, and nothing is missing."""
