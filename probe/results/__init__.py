"""What a sweep keeps and counts: results in files, the tally, what changed between two sweeps. No sockets, no screen."""
