-- What recipient domains ask of those who send to them (RFC 8461), as JSON, until it expires.
CREATE TABLE mta_sts_policies (
    domain TEXT NOT NULL PRIMARY KEY,
    policy_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    policy TEXT NOT NULL
) $compact;
CREATE INDEX mta_sts_policies_by_expiry ON mta_sts_policies (expires_at);
