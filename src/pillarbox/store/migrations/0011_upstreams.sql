-- Under which id an upstream knows which message. A message that was not sent through us has the upstream's id here too.
CREATE TABLE upstream_ids (
    upstream TEXT NOT NULL,
    their_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    linked_at BIGINT NOT NULL,
    PRIMARY KEY (upstream, their_id)
) $compact;
CREATE INDEX upstream_ids_by_message ON upstream_ids (message_id);

-- What an upstream told and nobody could read, as it came, with the reason.
CREATE TABLE quarantine (
    upstream TEXT NOT NULL,
    post_id TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    arrived_at BIGINT NOT NULL,
    why TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (upstream, post_id)
) $compact;
CREATE INDEX quarantine_by_time ON quarantine (arrived_at, upstream, post_id);
