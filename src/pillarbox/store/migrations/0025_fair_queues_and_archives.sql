-- Fair queues: messages of a standard queue may belong to groups (tenants), which take turns. What has no group is found
-- by the time alone, so that a long backlog of one tenant stands in nobody's way.
DROP INDEX queue_messages_visible;
CREATE INDEX queue_messages_visible ON queue_messages (queue, visible_at, number, sent_at, receive_count)
    WHERE message_group IS NULL;
CREATE INDEX queue_messages_of_tenants
    ON queue_messages (queue, message_group, visible_at, number, sent_at, receive_count)
    WHERE message_group IS NOT NULL;

-- What FIFO topics keep to tell it again. `archive` is the key of one life of a topic's archive.
CREATE TABLE topic_archive (
    archive TEXT NOT NULL,
    place BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    notification_id TEXT NOT NULL,
    subject TEXT,
    message TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (archive, place)
);
CREATE INDEX topic_archive_by_time ON topic_archive (archive, published_at, place);

-- By which replay a notification is told again; empty for what is told for the first time.
ALTER TABLE notification_deliveries ADD COLUMN replay TEXT NOT NULL DEFAULT '';
