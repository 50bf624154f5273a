-- How often a send was taken up to be written out since anything of it was written.
ALTER TABLE large_sends ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulk_sends ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
-- How many calls of an operation that sends nothing are left to an account (edge/control_rate.py).
CREATE TABLE call_rates (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    operation TEXT NOT NULL,
    remaining DOUBLE PRECISION NOT NULL,
    counted_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, operation)
) $compact;
CREATE INDEX call_rates_by_time ON call_rates (counted_at);
-- Who failed lately to prove who they are, and who did not, by place and key (edge/failures.py).
CREATE TABLE credential_failures (
    place TEXT NOT NULL,
    key_id TEXT NOT NULL,
    failures BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    right_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (place, key_id)
) $compact;
CREATE INDEX credential_failures_by_time ON credential_failures (changed_at);
