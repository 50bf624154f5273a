-- What the far side itself allows, and until when it takes nothing and why (a quota of its own is used up).
ALTER TABLE paces ADD COLUMN far_rate DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE paces ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE paces ADD COLUMN held_why TEXT NOT NULL DEFAULT '';
