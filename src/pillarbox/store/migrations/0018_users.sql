-- Who signs in to the pages. `password` is what argon2 made of it. `account`, `region` and `tenant` narrow what
-- somebody sees; empty: everything.
CREATE TABLE users (
    name TEXT NOT NULL PRIMARY KEY,
    password TEXT NOT NULL,
    role TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    tenant TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Browsers that are signed in: by a user, or by an access key. Of the token that a browser holds only its hash is here.
CREATE TABLE sessions (
    token_hash TEXT NOT NULL PRIMARY KEY,
    user_name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_name);
