-- The keys of facts are forgotten with the events that they stand for.
CREATE INDEX seen_by_time ON seen (recorded_at);
