-- Statistics by more dimensions and in steps of a minute, a quarter of an hour, an hour and a day. They are folded from
-- the event log, so they are made anew from it: the follower begins at the first event again.
DROP TABLE counters;
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
) $compact;
CREATE INDEX counters_by_minute ON counters (bucket_at) WHERE step = 60000;

-- Which members of a dimension have counters of their own on a day: the first so many; the rest are counted together.
CREATE TABLE counter_members (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    dimension TEXT NOT NULL,
    day_at BIGINT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (account, region, dimension, day_at, member)
) $compact;

-- When each recipient first opened a message or clicked in it (`mark` says what), so that each is counted once.
CREATE TABLE first_hits (
    account TEXT NOT NULL,
    message_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    mark TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    PRIMARY KEY (message_id, recipient, mark)
) $compact;

DELETE FROM cursors WHERE follower = 'stats';
