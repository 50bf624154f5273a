"""The ways to hand an attempt to the next hop, one file each."""
