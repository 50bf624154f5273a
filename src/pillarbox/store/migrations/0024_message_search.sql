-- What messages are found by, week by week: what came lately stays together however much is kept, and whole weeks go.
-- It is filled with the statistics, from the event log; those have new names, and are made anew from it with it.
CREATE TABLE message_terms (
    week_at BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    term $bytewise NOT NULL,
    accepted_at BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (week_at, account, region, term, accepted_at, message_id)
) $compact;
DELETE FROM counters;
DELETE FROM first_hits;
DELETE FROM cursors WHERE follower = 'stats';

-- Nearly all mail is delivered: only what became of the rest is looked for by it.
CREATE INDEX recipients_by_state ON recipients (account, region, state, accepted_at, message_id)
    WHERE state <> 'delivered';
