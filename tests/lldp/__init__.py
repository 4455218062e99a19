"""802.1AB: the machines of one agent, walked and driven by hand."""
