"""The probe of one port, in front of a switch that is played."""
