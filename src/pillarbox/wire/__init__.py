"""The AWS protocols as pure functions: route, parse, check, serialize, sign.

Everything is driven by botocore's service models; there is no code for any
single operation and no knowledge of mail. Called by edge/gateway.py.
"""
