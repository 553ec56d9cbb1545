"""Certificates, trust anchors, paths and their repair. No sockets, no clock."""
