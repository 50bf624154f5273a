CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    happened_at BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    who TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);

CREATE INDEX audit_by_account ON audit (account, id);

CREATE TABLE bodies (
    body_id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    kept_at BIGINT NOT NULL,
    content BLOB NOT NULL
);

CREATE INDEX bodies_by_account ON bodies (account, kept_at);

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
, tries BIGINT NOT NULL DEFAULT 0);

CREATE INDEX bulk_sends_by_send ON bulk_sends (send_id);

CREATE TABLE call_rates (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    operation TEXT NOT NULL,
    remaining DOUBLE PRECISION NOT NULL,
    counted_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, operation)
) WITHOUT ROWID;

CREATE INDEX call_rates_by_time ON call_rates (counted_at);

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

CREATE TABLE contacts (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    list TEXT NOT NULL,
    address TEXT NOT NULL,
    unsubscribed BIGINT NOT NULL,
    preferences TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, list, address)
) WITHOUT ROWID;

CREATE TABLE conversations (
    message_id TEXT NOT NULL,
    part BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    place BIGINT NOT NULL,
    account TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    peer TEXT NOT NULL,
    recipients TEXT NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (message_id, part, attempt, place)
) WITHOUT ROWID;

CREATE TABLE counter_members (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    dimension TEXT NOT NULL,
    day_at BIGINT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (account, region, dimension, day_at, member)
) WITHOUT ROWID;

CREATE TABLE counters (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    dimension TEXT NOT NULL,
    step BIGINT NOT NULL,
    member TEXT NOT NULL,
    bucket_at BIGINT NOT NULL,
    name TEXT NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (account, region, dimension, step, member, bucket_at, name)
) WITHOUT ROWID;

CREATE INDEX counters_by_minute ON counters (bucket_at) WHERE step = 60000;

CREATE TABLE credential_failures (
    place TEXT NOT NULL,
    key_id TEXT NOT NULL,
    failures BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    right_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (place, key_id)
) WITHOUT ROWID;

CREATE INDEX credential_failures_by_time ON credential_failures (changed_at);

CREATE TABLE credentials (
    key_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    user_name TEXT NOT NULL,
    secret BLOB NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL
, scope TEXT NOT NULL DEFAULT '');

CREATE TABLE cursors (
    follower TEXT NOT NULL,
    shard BIGINT NOT NULL,
    tx BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    lease TEXT NOT NULL,
    leased_until BIGINT NOT NULL,
    PRIMARY KEY (follower, shard)
) WITHOUT ROWID;

CREATE TABLE domain_providers (
    domain TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    known_until BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tx BIGINT NOT NULL DEFAULT 0,
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

CREATE INDEX events_by_message ON events (message_id, seq);

CREATE INDEX events_in_order ON events (tx, seq);

CREATE TABLE first_hits (
    account TEXT NOT NULL,
    message_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    mark TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    PRIMARY KEY (message_id, recipient, mark)
) WITHOUT ROWID;

CREATE TABLE holds (
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    why TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    PRIMARY KEY (kind, account, name)
) WITHOUT ROWID;

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
, tries BIGINT NOT NULL DEFAULT 0);

CREATE INDEX large_sends_by_send ON large_sends (send_id);

CREATE TABLE message_terms (
    week_at BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    term TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (week_at, account, region, term, accepted_at, message_id)
) WITHOUT ROWID;

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

CREATE INDEX messages_by_send ON messages (send_id, message_id) WHERE send_id <> message_id;

CREATE INDEX messages_by_time ON messages (account, region, accepted_at, message_id);

CREATE TABLE mta_sts_policies (
    domain TEXT NOT NULL PRIMARY KEY,
    policy_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    policy TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX mta_sts_policies_by_expiry ON mta_sts_policies (expires_at);

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
    ended_at BIGINT, place BIGINT, replay TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (notification_id, subscription)
) WITHOUT ROWID;

CREATE INDEX notification_deliveries_by_state ON notification_deliveries (account, region, state, published_at);

CREATE INDEX notification_deliveries_due ON notification_deliveries (endpoint, due_at) WHERE state = 'due';

CREATE INDEX notification_deliveries_in_order ON notification_deliveries (endpoint, place)
    WHERE state = 'due' AND place IS NOT NULL;

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
) WITHOUT ROWID;

CREATE INDEX nouns_by_parent ON nouns (account, region, kind, parent, name);

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
) WITHOUT ROWID;

CREATE INDEX outgoing_by_lane ON outgoing (lane, due_at);

CREATE TABLE pace_shares (
    egress TEXT NOT NULL,
    provider TEXT NOT NULL,
    holder TEXT NOT NULL,
    connections BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    PRIMARY KEY (egress, provider, holder)
) WITHOUT ROWID;

CREATE TABLE paces (
    egress TEXT NOT NULL,
    provider TEXT NOT NULL,
    rate DOUBLE PRECISION NOT NULL,
    connections BIGINT NOT NULL,
    most_rate DOUBLE PRECISION NOT NULL,
    most_connections BIGINT NOT NULL,
    step DOUBLE PRECISION NOT NULL,
    not_before BIGINT NOT NULL,
    throttles BIGINT NOT NULL,
    slowed_at BIGINT NOT NULL,
    raised_at BIGINT NOT NULL,
    good BIGINT NOT NULL,
    next_at DOUBLE PRECISION NOT NULL,
    why TEXT NOT NULL, far_rate DOUBLE PRECISION NOT NULL DEFAULT 0, held_until BIGINT NOT NULL DEFAULT 0, held_why TEXT NOT NULL DEFAULT '', day_at BIGINT NOT NULL DEFAULT 0, day_most BIGINT NOT NULL DEFAULT 0, day_used BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (egress, provider)
) WITHOUT ROWID;

CREATE TABLE quarantine (
    upstream TEXT NOT NULL,
    post_id TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    arrived_at BIGINT NOT NULL,
    why TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (upstream, post_id)
) WITHOUT ROWID;

CREATE INDEX quarantine_by_time ON quarantine (arrived_at, upstream, post_id);

CREATE TABLE queue_attempts (
    queue TEXT NOT NULL,
    attempt_id TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    shown_at BIGINT NOT NULL,
    numbers TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (queue, attempt_id)
) WITHOUT ROWID;

CREATE INDEX queue_attempts_by_end ON queue_attempts (ends_at);

CREATE TABLE queue_groups (
    queue TEXT NOT NULL,
    message_group TEXT NOT NULL,
    ready_at BIGINT NOT NULL,
    PRIMARY KEY (queue, message_group)
) WITHOUT ROWID;

CREATE INDEX queue_groups_ready ON queue_groups (queue, ready_at, message_group);

CREATE TABLE queue_messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
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
, message_group TEXT);

CREATE INDEX queue_messages_by_group ON queue_messages (queue, message_group, number) WHERE message_group IS NOT NULL;

CREATE INDEX queue_messages_of_tenants
    ON queue_messages (queue, message_group, visible_at, number, sent_at, receive_count)
    WHERE message_group IS NOT NULL;

CREATE INDEX queue_messages_visible ON queue_messages (queue, visible_at, number, sent_at, receive_count)
    WHERE message_group IS NULL;

CREATE TABLE queue_sent (
    queue TEXT NOT NULL,
    message_group TEXT NOT NULL,
    deduplication_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (queue, message_group, deduplication_id)
) WITHOUT ROWID;

CREATE INDEX queue_sent_by_end ON queue_sent (ends_at);

CREATE TABLE quota_use (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    bucket_at BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    PRIMARY KEY (account, region, bucket_at)
) WITHOUT ROWID;

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
) WITHOUT ROWID;

CREATE INDEX recipients_by_state ON recipients (account, region, state, accepted_at, message_id)
    WHERE state <> 'delivered';

CREATE TABLE retry_keys (
    retry_key BLOB NOT NULL,
    place BIGINT NOT NULL,
    content BLOB NOT NULL,
    message_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (retry_key, place)
) WITHOUT ROWID;

CREATE INDEX retry_keys_by_end ON retry_keys (expires_at);

CREATE TABLE sealed_secrets (
    name TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE seen (
    account TEXT NOT NULL,
    fact_key TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (account, fact_key)
) WITHOUT ROWID;

CREATE INDEX seen_by_time ON seen (recorded_at);

CREATE TABLE send_rates (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    remaining DOUBLE PRECISION NOT NULL,
    counted_at BIGINT NOT NULL,
    PRIMARY KEY (account, region)
) WITHOUT ROWID;

CREATE TABLE sessions (
    token_hash TEXT NOT NULL PRIMARY KEY,
    user_name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_name);

CREATE TABLE subscription_turns (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    subscription TEXT NOT NULL,
    next_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, region, subscription)
) WITHOUT ROWID;

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
) WITHOUT ROWID;

CREATE INDEX suppression_lists_by_time ON suppression_lists (account, region, list_id, updated_at, address);

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

CREATE TABLE topic_numbers (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    topic TEXT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (account, region, topic)
) WITHOUT ROWID;

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
) WITHOUT ROWID;

CREATE INDEX topic_published_by_end ON topic_published (ends_at);

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

CREATE TABLE upstream_ids (
    upstream TEXT NOT NULL,
    their_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    linked_at BIGINT NOT NULL,
    PRIMARY KEY (upstream, their_id)
) WITHOUT ROWID;

CREATE INDEX upstream_ids_by_message ON upstream_ids (message_id);

CREATE TABLE users (
    name TEXT NOT NULL PRIMARY KEY,
    password TEXT NOT NULL,
    role TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    tenant TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE waiting_posts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    upstream TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    republish BIGINT NOT NULL,
    arrived_at BIGINT NOT NULL,
    post_count BIGINT NOT NULL,
    size BIGINT NOT NULL,
    posts BLOB NOT NULL
);

CREATE INDEX waiting_posts_by_time ON waiting_posts (arrived_at, post_count, size);
