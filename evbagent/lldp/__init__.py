"""802.1AB: one agent for each group address of a port."""
