-- An account's tenants may have suppression lists of their own: `list_id` is the id of the tenant, and empty
-- for the list of the account itself.
CREATE TABLE suppression_lists (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    list_id TEXT NOT NULL,
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    message_id TEXT NOT NULL,
    feedback_id TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, list_id, address)
) $compact;
INSERT INTO suppression_lists SELECT account, region, '', address, reason, message_id, feedback_id, updated_at
    FROM suppressed;
DROP TABLE suppressed;
CREATE INDEX suppression_lists_by_time ON suppression_lists (account, region, list_id, updated_at, address);

-- How many recipients an account may still address at a moment, by its rate a second; less than nothing when a
-- message with many has been let in. A row for each account that is limited and sends: whoever judges what it may
-- still send holds it.
CREATE TABLE send_rates (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    remaining DOUBLE PRECISION NOT NULL,
    counted_at BIGINT NOT NULL,
    PRIMARY KEY (account, region)
) $compact;
