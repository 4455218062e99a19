"""The reflective-relay probe of one port: does a frame of our own come back? The design is ours, no standard's.

A round is two frames. One from the port's own address to the probe address teaches the switch where the port is; the
other goes from the probe address to the port's own. A switch reflects the second where relay is on and drops it where
relay is off, for otherwise no frame leaves by the port that it came in on (802.1Q-2014 8.6.1).

What comes back proves relay at the moment of sending, no more: an answer to an older round says nothing about a newer
one. What does not come back proves something only if it left in time, if nobody stalled, and if everything that has
arrived was read. A host on the segment that takes the port's address over on the switch may see a probe and send it
back: whoever grants VEPA on the word of the probe alone trusts the segment.
"""
