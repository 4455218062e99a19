"""The local API: HTTP over a Unix socket, in a thread and a loop of its own."""
