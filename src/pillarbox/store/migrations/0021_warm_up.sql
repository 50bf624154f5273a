-- How many messages of the day's ceiling are sent, while the egress source is new to the world.
ALTER TABLE paces ADD COLUMN day_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE paces ADD COLUMN day_most BIGINT NOT NULL DEFAULT 0;
ALTER TABLE paces ADD COLUMN day_used BIGINT NOT NULL DEFAULT 0;
