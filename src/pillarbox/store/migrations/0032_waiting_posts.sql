-- Posts of upstreams that were answered and still are to be taken into the event log: those that came together, of one
-- upstream, lie in one row as they came (store/waiting_posts.py). Programs of before this step take posts in at once,
-- and do not know of these.
CREATE TABLE waiting_posts (
    number $serial,
    upstream TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    republish BIGINT NOT NULL,
    arrived_at BIGINT NOT NULL,
    post_count BIGINT NOT NULL,
    size BIGINT NOT NULL,
    posts $bytes NOT NULL
);
CREATE INDEX waiting_posts_by_time ON waiting_posts (arrived_at, post_count, size);
