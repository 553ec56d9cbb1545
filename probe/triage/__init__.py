"""Texts in, symptoms out: error codes, log lines, bounces, reports. No sockets, no clock."""
