-- Sends to many whose recipients get a message each. The first message is promised with this row; the
-- others are written in chunks, from the list that `recipients` refers to. The row goes with the last.
CREATE TABLE large_sends (
    message_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    send_id TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    recipients TEXT NOT NULL,
    recipient_count BIGINT NOT NULL,
    written BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease TEXT NOT NULL
);
CREATE INDEX large_sends_by_send ON large_sends (send_id);
-- Only messages that are part of something larger: a message that is alone pays nothing for it.
CREATE INDEX messages_by_send ON messages (send_id, message_id) WHERE send_id <> message_id;

-- What calls are known by when they are made again, until `expires_at`. `place` tells the messages of one call apart.
CREATE TABLE retry_keys (
    retry_key $bytes NOT NULL,
    place BIGINT NOT NULL,
    content $bytes NOT NULL,
    message_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (retry_key, place)
) $compact;
CREATE INDEX retry_keys_by_end ON retry_keys (expires_at);
