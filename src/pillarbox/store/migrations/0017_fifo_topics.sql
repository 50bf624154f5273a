-- FIFO topics. `place` is the number of a notification in its topic: rows that have one go to a FIFO queue by it.
ALTER TABLE notification_deliveries ADD COLUMN place BIGINT;
CREATE INDEX notification_deliveries_in_order ON notification_deliveries (endpoint, place)
    WHERE state = 'due' AND place IS NOT NULL;

-- The last number that a FIFO topic gave. The row is locked while one publishes, so that numbers are seen in order.
CREATE TABLE topic_numbers (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    topic TEXT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (account, region, topic)
) $compact;

-- What was published in the last minutes, so that it is not told twice. `message_group` is empty where the topic counts.
CREATE TABLE topic_published (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    topic TEXT NOT NULL,
    message_group TEXT NOT NULL,
    deduplication_id TEXT NOT NULL,
    notification_id TEXT NOT NULL,
    place BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, topic, message_group, deduplication_id)
) $compact;
CREATE INDEX topic_published_by_end ON topic_published (ends_at);
