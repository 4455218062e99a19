"""evbagent: the host's half of Edge Virtual Bridging for Linux (IEEE 802.1Q clause 40, 802.1AB)."""

__version__ = "0.1.0"
