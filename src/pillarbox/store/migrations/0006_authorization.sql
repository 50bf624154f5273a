-- What a credential is good for; empty: everything.
ALTER TABLE credentials ADD COLUMN scope TEXT NOT NULL DEFAULT '';

-- What changed keys, identities, policies and settings: who did what, when and from where. Nothing changes or
-- removes a row. `account` is empty for what concerns the server as a whole.
CREATE TABLE audit (
    id $serial,
    happened_at BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    who TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX audit_by_account ON audit (account, id);
