-- How fast each provider is sent to from each egress source: what was learned, and what was set by hand.
-- A row is there only while something limits the pace. `next_at` is where the next lease of time begins.
CREATE TABLE paces (
    egress TEXT NOT NULL,
    provider TEXT NOT NULL,
    rate DOUBLE PRECISION NOT NULL,
    connections BIGINT NOT NULL,
    most_rate DOUBLE PRECISION NOT NULL,
    most_connections BIGINT NOT NULL,
    step DOUBLE PRECISION NOT NULL,
    not_before BIGINT NOT NULL,
    throttles BIGINT NOT NULL,
    slowed_at BIGINT NOT NULL,
    raised_at BIGINT NOT NULL,
    good BIGINT NOT NULL,
    next_at DOUBLE PRECISION NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (egress, provider)
) $compact;

-- How many of a pace's connections each process may have open, until when: a dead process holds none for long.
CREATE TABLE pace_shares (
    egress TEXT NOT NULL,
    provider TEXT NOT NULL,
    holder TEXT NOT NULL,
    connections BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    PRIMARY KEY (egress, provider, holder)
) $compact;

-- What operators have paused: an account, a configuration set, a provider or a message.
CREATE TABLE holds (
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    why TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    PRIMARY KEY (kind, account, name)
) $compact;

-- Who takes mail for a domain, as its mail exchangers said, and until when that is believed.
CREATE TABLE domain_providers (
    domain TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    known_until BIGINT NOT NULL
) $compact;
