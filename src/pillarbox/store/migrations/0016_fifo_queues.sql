-- FIFO queues. Messages of a group are given in the order of their numbers, and no more of them while some are held.
ALTER TABLE queue_messages ADD COLUMN message_group TEXT;
CREATE INDEX queue_messages_by_group ON queue_messages (queue, message_group, number) WHERE message_group IS NOT NULL;

-- One row for each group that has messages: when the next of them may be given.
CREATE TABLE queue_groups (
    queue TEXT NOT NULL,
    message_group TEXT NOT NULL,
    ready_at BIGINT NOT NULL,
    PRIMARY KEY (queue, message_group)
) $compact;
CREATE INDEX queue_groups_ready ON queue_groups (queue, ready_at, message_group);

-- What was sent in the last minutes, so that it is not sent twice. `message_group` is empty where the whole queue counts.
CREATE TABLE queue_sent (
    queue TEXT NOT NULL,
    message_group TEXT NOT NULL,
    deduplication_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (queue, message_group, deduplication_id)
) $compact;
CREATE INDEX queue_sent_by_end ON queue_sent (ends_at);

-- What receivers were given in the last minutes, so that one who lost the answer is given the same again.
CREATE TABLE queue_attempts (
    queue TEXT NOT NULL,
    attempt_id TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    shown_at BIGINT NOT NULL,
    numbers TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (queue, attempt_id)
) $compact;
CREATE INDEX queue_attempts_by_end ON queue_attempts (ends_at);
