-- Bulk sends whose messages are still to be made: `recipients` refers to the list of their entries, each with what its
-- message is made of, and `entries` tells as JSON which of them were promised. The row goes with the last. The columns
-- mean what they mean in large_sends; programs of before this step do not know how to work these off.
CREATE TABLE bulk_sends (
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
    entries TEXT NOT NULL
);
CREATE INDEX bulk_sends_by_send ON bulk_sends (send_id);
