-- The tables of the main road. Times are milliseconds since the epoch, UTC. Every row that grows
-- carries its account and a time, so that it can be partitioned and dropped by either.

-- Who may call, and what they sign with.
CREATE TABLE credentials (
    key_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    user_name TEXT NOT NULL,
    secret $bytes NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- The server's own secrets (signing keys), sealed.
CREATE TABLE sealed_secrets (
    name TEXT PRIMARY KEY,
    secret $bytes NOT NULL,
    created_at BIGINT NOT NULL
);

-- What an account owns and configures: identities, configuration sets, event destinations,
-- topics, subscriptions, queues. Small documents by kind and name, listed by name or by parent.
CREATE TABLE nouns (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    parent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, region, kind, name)
) $compact;
CREATE INDEX nouns_by_parent ON nouns (account, region, kind, parent, name);

-- What was promised.
CREATE TABLE messages (
    message_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    send_id TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    operation TEXT NOT NULL,
    configuration_set TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    size BIGINT NOT NULL,
    recipient_count BIGINT NOT NULL,
    mail TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX messages_by_time ON messages (account, region, accepted_at, message_id);

CREATE TABLE recipients (
    message_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    address TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    rank BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (message_id, number)
) $compact;
CREATE INDEX recipients_by_address ON recipients (account, region, address, accepted_at);

-- The delivery queue. A row is one attempt to make: some recipients of a message that share a lane.
-- A claim moves `due_at` to the end of its lease, so that a lost worker's rows come due by themselves.
CREATE TABLE outgoing (
    message_id TEXT NOT NULL,
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    lane TEXT NOT NULL,
    transport TEXT NOT NULL,
    recipients TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    lease TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (message_id, part)
) $compact;
CREATE INDEX outgoing_by_lane ON outgoing (lane, due_at);

-- Mail that the capture transport kept instead of sending.
CREATE TABLE captures (
    message_id TEXT NOT NULL,
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    captured_at BIGINT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (message_id, part)
);

-- The event log. `tx` and `seq` together are the order in which commits became visible.
CREATE TABLE events (
    seq $serial,
    tx $transaction,
    event_id TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    shard BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    fact TEXT NOT NULL
);
CREATE INDEX events_in_order ON events (tx, seq);
CREATE INDEX events_by_message ON events (message_id, seq);

-- Keys of facts that may be told more than once, so that they are recorded once.
CREATE TABLE seen (
    account TEXT NOT NULL,
    fact_key TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (account, fact_key)
) $compact;

-- How far each follower has come, by shard.
CREATE TABLE cursors (
    follower TEXT NOT NULL,
    shard BIGINT NOT NULL,
    tx BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    lease TEXT NOT NULL,
    leased_until BIGINT NOT NULL,
    PRIMARY KEY (follower, shard)
) $compact;

-- What topics were told, and to whom it still has to be told.
CREATE TABLE notifications (
    notification_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT,
    message TEXT NOT NULL,
    attributes TEXT NOT NULL,
    token TEXT,
    published_at BIGINT NOT NULL
);
CREATE INDEX notifications_by_time ON notifications (account, published_at);

CREATE TABLE notification_deliveries (
    notification_id TEXT NOT NULL,
    subscription TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    topic TEXT NOT NULL,
    protocol TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    lease TEXT NOT NULL,
    why TEXT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (notification_id, subscription)
) $compact;
CREATE INDEX notification_deliveries_due ON notification_deliveries (endpoint, due_at) WHERE state = 'due';
CREATE INDEX notification_deliveries_by_state ON notification_deliveries (account, region, state, published_at);

-- SQS. `queue` is the key of a queue's present life: a purge gives it a new one. Numbers grow with
-- time, so the oldest rows of all queues are found without an index of their own.
CREATE TABLE queue_messages (
    number $serial,
    queue TEXT NOT NULL,
    account TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sent_at BIGINT NOT NULL,
    visible_at BIGINT NOT NULL,
    first_received_at BIGINT,
    receive_count BIGINT NOT NULL,
    sender_id TEXT NOT NULL,
    system TEXT NOT NULL,
    attributes TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX queue_messages_visible ON queue_messages (queue, visible_at, number, sent_at, receive_count);

-- Statistics folded from the event log, and the recipients accepted in the last hours (for quotas).
CREATE TABLE counters (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    dimension TEXT NOT NULL,
    member TEXT NOT NULL,
    name TEXT NOT NULL,
    bucket_at BIGINT NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (account, region, dimension, member, name, bucket_at)
) $compact;

CREATE TABLE quota_use (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    bucket_at BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    PRIMARY KEY (account, region, bucket_at)
) $compact;

-- Bodies of mail. The embedded store keeps them in files (store/bodies.py) and leaves this table empty.
CREATE TABLE bodies (
    body_id $serial,
    account TEXT NOT NULL,
    kept_at BIGINT NOT NULL,
    content $bytes NOT NULL
);
