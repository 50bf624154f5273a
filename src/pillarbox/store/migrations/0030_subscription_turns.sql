-- When a subscription whose delivery policy throttles it may be posted to next, whichever process does so.
CREATE TABLE subscription_turns (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    subscription TEXT NOT NULL,
    next_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, region, subscription)
) $compact;
