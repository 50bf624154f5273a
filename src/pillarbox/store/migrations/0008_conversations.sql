-- What was said to next hops in each attempt, one row for each conversation; `place` numbers those of one attempt.
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
) $compact;
