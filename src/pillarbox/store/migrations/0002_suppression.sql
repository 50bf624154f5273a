-- Addresses that get no mail from an account. `message_id` and `feedback_id` are empty for one that
-- was put here by hand. Listed by time, so that a part of a long list costs what it holds.
CREATE TABLE suppressed (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    message_id TEXT NOT NULL,
    feedback_id TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, address)
) $compact;
CREATE INDEX suppressed_by_time ON suppressed (account, region, updated_at, address);
