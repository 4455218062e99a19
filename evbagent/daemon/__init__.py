"""The edge: event loop, sockets, files and signals around the pure core."""
