"""In front of another SES: what it tells of mail, from SNS posts and SQS messages to our own event log.

Imports consumer, which reads; events and store, which keep. Used by edge (the
HTTP endpoint) and app (the intake and the poller). See docs/decisions/0009-a-room-for-upstreams.md.
"""
