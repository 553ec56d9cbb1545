"""The only place with sockets: names, connections, AIA."""
