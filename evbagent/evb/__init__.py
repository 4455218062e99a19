"""802.1Q clause 40: reflective relay between an EVB station and an EVB bridge."""
