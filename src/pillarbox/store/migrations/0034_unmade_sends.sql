-- Single sends that were promised together, as they were asked for, and are still to be made into messages: `recipients`
-- refers to the list of what they are made of, and `entries` are their message ids as JSON. `message_id` is the first of
-- them. The row goes with the last. The other columns mean what they mean in large_sends; programs of before this step
-- do not know how to work these off.
CREATE TABLE unmade_sends (
    message_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    send_id TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    recipients TEXT NOT NULL,
    recipient_count BIGINT NOT NULL,
    written BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease TEXT NOT NULL,
    entries TEXT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX unmade_sends_by_time ON unmade_sends (accepted_at);
