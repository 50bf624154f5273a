-- Accounts may keep bodies for a time of their own.
CREATE INDEX bodies_by_account ON bodies (account, kept_at);
