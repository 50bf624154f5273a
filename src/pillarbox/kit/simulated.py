"""The domain of the mailbox simulator: its mail costs no quota and counts in no rate.

Pure. What its addresses do is said in delivery/transport/simulator.py.
https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator
"""

DOMAIN = "simulator.amazonses.com"


def is_simulated(address: str) -> bool:
    return address.rpartition("@")[2].lower() == DOMAIN
