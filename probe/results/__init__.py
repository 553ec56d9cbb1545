"""What a sweep keeps and counts: results in files, the tally, two sweeps compared. No sockets, no screen."""
